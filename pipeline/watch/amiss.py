"""What ``/status`` and the admin say of files: sources that ring, copies that are late."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from broker import health
from broker.config import config
from broker.health_parts import Finding
from broker.kafka_unread import Unread
from broker.kept import Kept
from pipeline.s3 import query
from pipeline.watch import alarms, letter
from pipeline.watch.alarms import Look
from pipeline.watch.summary import DAY

KEEP_S = 60.0
PATIENCE_S = 2.0
"""The first page waits so long for a look; later ones show the last."""


def findings(report: health.Report) -> list[Finding]:
    """Return a line for each source that is read, ringing or not, and one for the copies on S3.

    Parameters
    ----------
    report : Report
        Which says whether the database can be asked at all.
    """
    if any(
        finding.name in {"postgres", "migrations"} and finding.state != "ok"
        for finding in report.findings
    ):
        return []
    seen = _kept().get()
    told = sources(seen.value) if seen else []
    return [*told, *copies()]


def sources(found: Look) -> list[Finding]:
    """Return a line for each source; its page and mails say more."""
    return [replace(each, name=f"source_{each.name}") for each in reading(found)]


def listeners() -> list[Finding]:
    """Return how each source of selected alerts, and each topic of Lasair, is read; for staff."""
    seen = _kept().get()
    return reading(seen.value) if seen else []


def reading(found: Look) -> list[Finding]:
    """Return of each source what is amiss, else when it was heard and what waits elsewhere."""
    rings = {alarm.source: letter.headline(alarm) for alarm in found.alarms}
    return [
        Finding(name, "warning" if name in rings else "ok", rings.get(name) or _heard(found, name))
        for name in found.heard
    ]


def _heard(found: Look, name: str) -> str:
    at = found.heard[name]
    last = f"last read {at:%Y-%m-%d %H:%M} UTC" if at else "nothing came in 24 h"
    return f"{last}, {_words(found.waits[name])}" if name in found.waits else last


def _words(waits: Unread | None) -> str:
    if waits is None:
        return "its broker does not say how much waits"
    return f"{waits.total} messages wait on its broker" if waits.total else "read to the end"


def copies() -> list[Finding]:
    """Return whether files wait too long for S3; nothing where none is copied."""
    if not config().s3.bucket:
        return []
    late = query.late()
    if late.again or late.lost:
        text = (
            f"the bucket had lost {late.again} objects, wanted again; {late.lost} are nowhere now"
        )
        return [Finding("copies", "warning", text)]
    if not late.files:
        return [Finding("copies", "ok", "every file is there in time")]
    text = f"{late.files} files wait, the oldest since {late.oldest_at:%Y-%m-%d %H:%M} UTC"
    return [Finding("copies", "warning", text)]


@cache
def _kept() -> Kept[Look]:
    return Kept("alarms", _look, keep_s=KEEP_S, patience_s=PATIENCE_S)


def _look() -> Look:
    return alarms.look(datetime.now(UTC) - DAY)
