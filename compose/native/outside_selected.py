"""What doctor says of the flow of selected alerts: registries, ALeRCE, the folder of its files."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from broker.config import Config, project_path
from broker.errors import TransientError
from broker.sections.lasair import AlerceSettings
from compose.native.beforehand import Need
from compose.native.selected import is_own_registry
from pipeline.clients.alerce import Alerce, AlerceError, Survey
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.filters import running

PATIENCE_S = 5.0
"""Of each call."""
ROOM_BYTES = 2 * 2**30
"""Ten thousand alerts with three cutouts each take about that."""
ANY_SCHEMA = 1
NOBODY = "ZTF00nobody"


def needs(settings: Config) -> list[Need]:
    """Return what is to be said; each server is asked once, and only where the settings use it."""
    return [output(settings), registries(settings), alerce(settings)]


def output(settings: Config) -> Need:
    """Say whether tables, cutouts and logs can be written, and how much room there is."""
    root = project_path(settings.output.root).resolve()
    there = next(each for each in (root, *root.parents) if each.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        text = f"output.root {root}: {there} may not be written; give it to us, or name another"
        return Need("output", is_met=False, text=text)
    return _room(root, shutil.disk_usage(there).free)


def _room(root: Path, free: int) -> Need:
    text = f"{root} may be written, {free / 2**30:.0f} GiB free"
    if free >= ROOM_BYTES:
        return Need("output", is_met=True, text=text)
    advice = f"{ROOM_BYTES / 2**30:.0f} GiB are a night; see manage.py retention --dry-run"
    return Need("output", is_met=False, text=f"{text}: {advice}")


def registries(settings: Config) -> Need:
    """Say whether each registry that is used, and does not run here, answers."""
    used = list(_registries(settings))
    if not used:
        return Need("registries", is_met=True, text="none of others is asked")
    away = [told for url in used if (told := _told(url))]
    if away:
        return Need("registries", is_met=False, text=f"{'; '.join(away)}: see docs/selected.md")
    return Need("registries", is_met=True, text=f"{', '.join(used)}: each answers")


def _registries(settings: Config) -> Iterator[str]:
    selected = settings.selected
    if selected.wire == "confluent" and any(running(selected)) and not is_own_registry(settings):
        yield settings.registry.url
    yield from (each.registry_url for each in selected.sources if each.registry_url)


def _told(url: str) -> str:
    """Return why a registry does not answer; nothing where it does."""
    try:
        SchemaRegistry(url, PATIENCE_S).schema(ANY_SCHEMA)
    except (TransientError, ValueError) as error:
        return str(error)
    return ""


def alerce(settings: Config) -> Need:
    """Say whether ALeRCE answers, where images of Lasair's alerts come from it."""
    if not (settings.lasair.topics and settings.lasair.cutouts):
        text = "not asked: no filter of Lasair is read with images; see docs/lasair.md"
        return Need("alerce", is_met=True, text=text)
    brief = settings.alerce.model_copy(
        update={"connect_timeout_s": PATIENCE_S, "read_timeout_s": PATIENCE_S}
    )
    surveys = sorted({topic.survey for topic in settings.lasair.topics})
    away = [told for survey in surveys if (told := _trouble(brief, survey))]
    if away:
        text = f"{'; '.join(away)}: images wait until then, see [alerce] in docs/settings.md"
        return Need("alerce", is_met=False, text=text)
    return Need("alerce", is_met=True, text=f"answers for {', '.join(surveys)}")


def _trouble(settings: AlerceSettings, survey: Survey) -> str:
    if not (settings.ztf_url if survey == "ztf" else settings.lsst_url):
        return ""  # set so: never asked
    try:
        with Alerce.from_settings(settings) as client:
            client.detections(survey, NOBODY)
    except (AlerceError, TransientError) as error:
        return f"{survey}: {error}"
    return ""
