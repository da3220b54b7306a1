"""What people may ask of notices beside Slack: plan again, send again, mark an event as mock."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.gw import steps
from pipeline.gw.life import PLANS
from pipeline.gw.notices import MOCK
from pipeline.gw.planning import end_plans
from pipeline.gw.standing import lock_event, obstacle
from pipeline.gw.store import MARKED
from pipeline.gw.tables import Delivery, GwAlert, GwStep


def plan_again(session: Session, id_gw: int, key: str = "") -> list[steps.Bell]:
    """Want plans of a notice that counts, unless some are being made; one order, one run.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    id_gw : int
        ``gw_alerts.id_gw``.
    key : str
        Of the step ``plans``; ``replan-{n}`` when not given.

    Returns
    -------
    list of Bell
        The step, to be rung for after the commit; empty while plans are being made, and of a
        notice that was superseded or retracted.
    """
    row = session.get(GwAlert, id_gw)
    if row is None or obstacle(session, row):
        return []
    taken = session.scalar(
        update(GwAlert)
        .where(GwAlert.id_gw == id_gw, ~GwAlert.is_process_running)
        .values(is_process_running=True)
        .returning(GwAlert.id_gw)
    )
    if taken is None:
        return []
    before = select(func.count()).where(GwStep.id_gw == id_gw, GwStep.step == PLANS)
    run = (session.scalar(before) or 0) + 1
    return steps.want(session, [steps.Want(PLANS, id_gw=id_gw, key=key or f"replan-{run}")])


def send_again(session: Session, id_gw: int) -> list[steps.Bell]:
    """Try again whatever of a notice was given up; what has arrived is not sent twice."""
    session.execute(
        update(Delivery)
        .where(Delivery.id_gw == id_gw, Delivery.state == "dead")
        .values(state="pending", attempts=0)
    )
    return steps.want_again(session, GwStep.id_gw == id_gw, GwStep.state.in_(("failed", "skipped")))


def retry_steps(session: Session, ids: Sequence[int]) -> list[steps.Bell]:
    """Try steps again that have ended without success."""
    return steps.want_again(session, GwStep.id.in_(ids))


def mark_as_mock(session: Session, trigger_id: str) -> list[steps.Bell]:
    """Make an event a mock for good, and end what is planned for it."""
    lock_event(session, trigger_id)
    ids = session.scalars(
        update(GwAlert)
        .where(GwAlert.trigger_id == trigger_id, GwAlert.kind != MOCK)
        .values(kind=MOCK, score=0, action="NO", score_rule=MARKED.format(kind=MOCK))
        .returning(GwAlert.id_gw)
    ).all()
    return end_plans(session, ids, "cancelled", "marked as mock") if ids else []
