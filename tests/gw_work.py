"""Notices as a listener stores them, and their steps and clicks done as workers would do them."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.archive import Slice
from pipeline.gw import act, intake, life, steps
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.arrival import Arrival
from pipeline.gw.step_registry import KINDS
from pipeline.gw.store import store
from pipeline.gw.tables import GwStep
from tests.gw_notices import as_bytes, make_notice

EDITING = ("picture", "card_again", "headline", "mark_retracted", "no_doubles")
TELLING = (*(kind.name for kind in KINDS if kind.queue == "notify"), *EDITING)
QUICK = tuple(name for name in TELLING if name != "picture")
"""Drawing takes a second: most tests leave it."""
NOW = datetime(2026, 1, 2, 3, 10, tzinfo=UTC)
"""Five minutes after the notices of these tests were made."""


def store_notice(
    session: Session,
    alert_type: str = "PRELIMINARY",
    minute: int = 5,
    event: dict[str, Any] | None = None,
    **given: Any,
) -> Any:
    """Store a notice made of changed fields."""
    made = make_notice(event, alert_type=alert_type, **given)
    made["time_created"] = f"2026-01-02T03:{minute:02d}:00Z"
    if alert_type == "RETRACTION":
        made["event"] = None
    raw = as_bytes(made)
    arrival = Arrival("igwn.gwalert", 1, 0, 0, NOW, NOW, Slice(1, 0, len(raw), 0))
    return store(session, intake.judge(raw), arrival, life.Rules())


def work(session: Session, names: Collection[str]) -> int:
    """Do every step of these names and every click, until none is due; return how many there were.

    What becomes due after the session's transaction began is left where that is not a test's own.
    """
    count = 0
    while found := _due(session, names):
        for step_id in found:
            steps.run(step_id, "worker")
        for action_id in _clicks(session):
            act.run(action_id, "worker")
        count += len(found)
        session.expire_all()
    return count


def _due(session: Session, names: Collection[str]) -> list[int]:
    waiting = (GwStep.state == "wanted") & (GwStep.not_before <= func.now())
    left_behind = (GwStep.state == "running") & (GwStep.lease_until < func.now())
    mine = GwStep.step.in_(names) & (waiting | left_behind)
    found = select(GwStep.id).where(mine).order_by(GwStep.id)
    return [*session.scalars(found), *([0] if _clicks(session) else [])]


def _clicks(session: Session) -> list[int]:
    found = select(GwSlackAction.id).where(
        GwSlackAction.state == "wanted", GwSlackAction.not_before <= func.now()
    )
    return list(session.scalars(found.order_by(GwSlackAction.id)))
