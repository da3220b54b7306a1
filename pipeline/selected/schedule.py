"""Collect sources at intervals, for whoever has neither cron nor timers.

Whether a source is due stands in its rows: a beat that was started anew forgets nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka import Fenced
from pipeline.selected import sources
from pipeline.selected.collect import CollectError, Limits, collect
from pipeline.selected.tables import SelectedAlert, SelectedRun, Selection, wants_images

LONGEST_S = 60.0
"""Of one run: what else the queue does is not kept waiting; the next ring goes on from there."""
WRITE_AGAIN = timedelta(minutes=10)
"""After so long a run follows that shall write rows which the last one could not."""

log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A source whose time has come, and the host that writes its files; None: none did yet."""

    source: str
    host: str | None


def collect_now(source: str) -> None:
    """Collect a source if it is due still; one that another process collects is left to it.

    While a queue is busy it is rung for again each minute.
    """
    with transaction() as session:
        if source not in {each.source for each in due(session, datetime.now(UTC))}:
            return
    try:
        found = collect(source, limits=Limits(duration_s=LONGEST_S))
    except (
        CollectError,
        Fenced,
        KeyError,
        sources.SelectionTakenError,
        TransientError,
    ) as error:
        log.warning("selected.not_collected", source=source, error=str(error))
        return
    log.info("selected.collected", source=source, behind=found.behind, why=found.why)


def due(session: Session, now: datetime) -> list[Due]:
    """Return the scheduled sources whose last run is too long ago, stopped short, or left rows.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    now : datetime
        UTC.
    """
    settings = config().collect
    before = now - timedelta(hours=settings.every_h)
    return [
        Due(name, _host(session, name))
        for name in settings.scheduled
        if _is_due(last := _last(session, name), before) or _has_rows_left(session, last, now)
    ]


def _host(session: Session, name: str) -> str | None:
    """Return who wrote the files of a source last."""
    return session.scalars(
        select(Selection.host)
        .outerjoin(SelectedRun, SelectedRun.selection_id == Selection.id)
        .where(Selection.name == name)
        .order_by(SelectedRun.id.desc().nulls_last(), Selection.id.desc())
        .limit(1)
    ).one_or_none()


def _last(session: Session, name: str) -> SelectedRun | None:
    return session.scalars(
        select(SelectedRun)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(Selection.name == name, SelectedRun.kind == "collect")
        .order_by(SelectedRun.id.desc())
        .limit(1)
    ).one_or_none()


def _is_due(last: SelectedRun | None, before: datetime) -> bool:
    return last is None or last.started_at <= before or _is_to_go_on(last)


def _has_rows_left(session: Session, last: SelectedRun | None, now: datetime) -> bool:
    """Tell whether rows are in no file some time after a run, though they wait for no image."""
    if last is None or last.started_at > now - WRITE_AGAIN:
        return False
    waits = exists().where(
        SelectedAlert.selection_id == last.selection_id,
        SelectedAlert.csv_seq.is_(None),
        ~wants_images(),
    )
    return bool(session.scalar(select(waits)))


def _is_to_go_on(last: SelectedRun) -> bool:
    """Tell whether a run came forward, but not to the end."""
    return last.state == "short" and last.read_count > 0 and last.behind_count > 0
