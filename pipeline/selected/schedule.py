"""Collect sources at intervals, for whoever has neither cron nor timers.

Whether a source is due stands in its rows: a beat that was started anew forgets nothing.
"""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka import Fenced
from pipeline.selected import sources
from pipeline.selected.collect import CollectError, Limits, collect
from pipeline.selected.tables import SelectedRun, Selection

LONGEST_S = 60.0
"""Of one run: what else the queue does is not kept waiting; the next ring goes on from there."""

log = structlog.get_logger(__name__)


def collect_due() -> None:
    """Collect every scheduled source that is due; one that cannot be stops no other."""
    with transaction() as session:
        names = due(session, datetime.now(UTC))
    for name in names:
        try:
            found = collect(name, limits=Limits(duration_s=LONGEST_S))
        except (
            CollectError,
            Fenced,
            KeyError,
            sources.SelectionTakenError,
            TransientError,
        ) as error:
            log.warning("selected.not_collected", source=name, error=str(error))
            continue
        log.info("selected.collected", source=name, behind=found.behind, why=found.why)


def due(session: Session, now: datetime) -> list[str]:
    """Return the scheduled sources whose last run here is too long ago, or stopped short.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    now : datetime
        UTC.
    """
    settings = config().collect
    before = now - timedelta(hours=settings.every_h)
    return [name for name in settings.scheduled if _is_due(session, name, before)]


def _is_due(session: Session, name: str, before: datetime) -> bool:
    last = session.scalars(
        select(SelectedRun)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(
            Selection.name == name,
            Selection.root == str(sources.output_root()),
            SelectedRun.kind == "collect",
        )
        .order_by(SelectedRun.id.desc())
        .limit(1)
    ).one_or_none()
    return last is None or last.started_at <= before or _is_to_go_on(last)


def _is_to_go_on(last: SelectedRun) -> bool:
    """Tell whether a run came forward, but not to the end."""
    return last.state == "short" and last.read_count > 0 and last.behind_count > 0
