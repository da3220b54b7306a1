"""Notices as they came, and as files in ``gw.notice_dir``: whole or not at all."""

import base64
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import structlog

from broker.archive import Slice
from broker.archive_index import ArchiveError, read_slice, segments_named
from broker.config import config, project_path
from broker.db import transaction
from pipeline.clients.webdav import content
from pipeline.gw.notices import REAL
from pipeline.gw.share_files import remember
from pipeline.gw.share_paths import notice_stem
from pipeline.gw.steps import Done, Outcome, Skip, Step
from pipeline.gw.tables import GwAlert, GwSkymap

CHANNEL = "directory"
"""Of deliveries."""
DAY_S = 86_400.0
_OURS = re.compile(r"[A-Za-z0-9._+-]+_[0-9]+_[A-Za-z0-9._+-]+\.json")
_UNFINISHED = ".part-"

log = structlog.get_logger(__name__)


def keep_notice(step: Step) -> Outcome:
    """Write a real event's notice as a file; the same notice is the same file."""
    folder = config().gw.notice_dir
    if not folder:
        return Skip("gw.notice_dir is not set")
    with transaction() as session:
        alert = session.get(GwAlert, step.id_gw)
    if alert is None or alert.kind != REAL:
        return Skip("only notices of real events are kept as files")
    notice = notice_content(alert)
    name = f"{notice_stem(alert.trigger_id, alert.reception_count, alert.alert_type)}.json"
    path = project_path(folder) / name
    write_whole(path, notice)
    remember(CHANNEL, alert.id_gw, str(path), content(notice))
    return Done()


def notice_content(alert: GwAlert) -> bytes:
    """Return a notice with its maps: the archived bytes, else JSON put together from its rows."""
    archived = _archived(alert)
    if archived is not None:
        return archived
    with transaction() as session:
        maps = {
            name: session.get(GwSkymap, map_id)
            for name, map_id in (
                ("skymap", alert.skymap_id),
                ("combined_skymap", alert.combined_skymap_id),
            )
            if map_id is not None
        }
    found = {name: base64.b64encode(row.fits).decode() for name, row in maps.items() if row}
    return json.dumps(_with_maps(alert.payload_json, found)).encode()


def write_whole(path: Path, what: bytes) -> None:
    """Write a file so that nobody ever sees half of it, not even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{_UNFINISHED}{os.getpid()}-{path.name}")
    with part.open("wb") as file:
        file.write(what)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_old(folder: Path, older_than_days: float) -> int:
    """Remove notices of ours, and unfinished ones, that were last written before that time.

    Parameters
    ----------
    folder : Path
        Only files directly in it, and only those named as ours are, are looked at.
    older_than_days : float
        Age of the file [d].

    Returns
    -------
    int
        How many files that were.
    """
    oldest_s = time.time() - older_than_days * DAY_S
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        is_ours = _OURS.fullmatch(path.name.removeprefix(_UNFINISHED)) is not None
        if is_ours and path.is_file() and path.stat().st_mtime < oldest_s:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _archived(alert: GwAlert) -> bytes | None:
    place = (
        alert.archive_segment_id,
        alert.archive_start,
        alert.archive_length,
        alert.archive_crc32,
    )
    if None in place:
        return None
    piece = Slice(*(number or 0 for number in place))
    with transaction() as session:
        segments = segments_named(session, [piece.segment_id])
    try:
        if segments:
            return read_slice(project_path(config().archive.path), segments[0], piece)
    except ArchiveError as error:
        log.warning("notice.not_archived", id_gw=alert.id_gw, error=str(error))
    return None


def _with_maps(payload: dict[str, Any], maps: dict[str, str]) -> dict[str, Any]:
    """Return the notice with its maps where they stood."""
    whole = dict(payload)
    if "skymap" in maps and isinstance(payload.get("event"), dict):
        whole["event"] = payload["event"] | {"skymap": maps["skymap"]}
    if "combined_skymap" in maps and isinstance(payload.get("external_coinc"), dict):
        extra = {"combined_skymap": maps["combined_skymap"]}
        whole["external_coinc"] = payload["external_coinc"] | extra
    return whole
