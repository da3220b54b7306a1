"""One running system for the end-to-end tests of a worker."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from broker import db, kafka_admin
from broker.config import config
from pipeline import bootstrap, topics
from tests import native
from tests.e2e import system as systems

SYSTEM_GROUP = "kafka-topics"
"""Topic names are fixed: tests that run the system share one xdist worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of this folder on one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(SYSTEM_GROUP))
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def topics_made(kafka: native.Parts) -> native.Parts:
    """Make every topic of the registry and the rights of our principals."""
    settings = config()
    kafka_admin.ensure_topics(bootstrap.output_topics(settings))
    kafka_admin.ensure_acls(bootstrap.service_acls(settings))
    return kafka


@pytest.fixture
def output_ends(topics_made: native.Parts) -> dict[tuple[str, int], int]:
    """Return where the output topics end before the test."""
    return systems.ends(output.name for output in topics.OUTPUTS)


@pytest.fixture
def system(topics_made: native.Parts, database: str, tmp_path: Path) -> Iterator[systems.System]:
    """Return a system whose input topics, consumer groups, database and archive are its own."""
    with fresh_system(database, tmp_path) as running:
        yield running


@contextmanager
def fresh_system(database: str, folder: Path) -> Iterator[systems.System]:
    """Yield a system on ``database`` that writes into ``folder``; settings point at it meanwhile.

    The group prefix and the input topics carry a name of its own, so that no listener finds what
    another test left.
    """
    name = folder.name.replace("_", "-")[-24:] + f"-{os.getpid()}"
    environment = {
        "NIGHTJAR_POSTGRES__URL": database,
        "NIGHTJAR_ARCHIVE__PATH": str(folder / "archive"),
        "NIGHTJAR_STREAMS__ZTF__TOPIC": f"^ztf_[0-9]{{8}}_programid[123]_{name}$",
        "NIGHTJAR_STREAMS__LSST__TOPIC": f"lsst-alerts-{name}",
        "NIGHTJAR_STREAMS__ZTF__GROUP_PREFIX": f"nightjar-{name}-",
        "NIGHTJAR_STREAMS__LSST__GROUP_PREFIX": f"nightjar-{name}-",
    }
    logs = folder / "logs"
    logs.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for setting, text in environment.items():
            patch.setenv(setting, text)
        config.cache_clear()
        kafka_admin.ensure_acls(bootstrap.service_acls(config()))
        with systems.running(environment, logs) as running:
            running.name = name
            yield running
    config.cache_clear()
    db.engine.cache_clear()


@pytest.fixture
def make_input(system: systems.System) -> Callable[..., str]:
    """Return a function that makes one of this system's input topics and returns its name."""
    return partial(make_input_topic, system)


def make_input_topic(
    system: systems.System,
    stream: str,
    night: str = "20260801",
    programid: int = 1,
    partitions: int = 2,
) -> str:
    """Make one of the system's input topics and return its name."""
    name = (
        f"ztf_{night}_programid{programid}_{system.name}"
        if stream == "ztf"
        else systems.lsst_topic()
    )
    spec = bootstrap.input_topic(config(), name)
    kafka_admin.ensure_topics(
        [kafka_admin.TopicSpec(name, partitions, spec.retention_ms, spec.config)]
    )
    return name


@pytest.fixture
def load_lspsc(system: systems.System, tmp_path: Path) -> Callable[..., None]:
    """Return a function that loads rows (ra, dec, score, mag_white) as the LSPSC."""

    def load(rows: list[tuple[float, float, float, float]]) -> None:
        file = tmp_path / "lspsc.csv"
        lines = [f"{at},{ra},{dec},{score},{mag}" for at, (ra, dec, score, mag) in enumerate(rows)]
        file.write_text("id,ra,dec,score,mag_white\n" + "\n".join(lines) + "\n")
        system.manage("load_catalog", "lspsc", str(file))

    return load
