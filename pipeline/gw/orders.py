"""What people may ask of notices beside Slack: plan again, send again, mark an event as mock."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import ColumnElement, Text, cast, func, select, update
from sqlalchemy.orm import Session

from pipeline.gw import plan_groups, steps
from pipeline.gw.life import CARD_AGAIN, HEADLINE, PLAN, PLANS
from pipeline.gw.notices import MOCK
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.planning import end_plans
from pipeline.gw.standing import lock_event, obstacle
from pipeline.gw.store import MARKED
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.gw.telescopes import TelescopeError, telescope

NOT_FAILED = "This plan has not failed."
NOT_IN_TABLE = "{name} is not in the table of telescopes any more."


class OrderError(Exception):
    """What was asked for cannot be done any more; the message says why."""


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
    return _again(session, GwStep.id_gw == id_gw, GwStep.state.in_(("failed", "skipped")))


def retry_steps(session: Session, ids: Sequence[int]) -> list[steps.Bell]:
    """Try steps again that have ended without success."""
    return _again(session, GwStep.id.in_(ids))


def retry_plan(session: Session, plan: GwPlan) -> list[steps.Bell]:
    """Try a plan that failed once more: by another row, as claims hang on the first.

    Raises
    ------
    OrderError
        If it has not failed, is tried again already, or may not be tried any more; also if its
        telescope has left the table.
    """
    if plan.state != "failed":
        raise OrderError(NOT_FAILED)
    alert = session.get_one(GwAlert, plan.id_gw)
    if why := obstacle(session, alert) or plan_groups.outage(session, plan.telescope):
        raise OrderError(why)
    same = (
        GwPlan.id_gw == plan.id_gw,
        GwPlan.telescope == plan.telescope,
        GwPlan.strategy == plan.strategy,
    )
    newest = session.scalars(select(GwPlan).where(*same).order_by(GwPlan.generation.desc())).first()
    if newest is not plan:
        raise OrderError("It is tried again already.")
    try:
        is_reviewed = telescope(plan.telescope).is_reviewed
    except TelescopeError:
        raise OrderError(NOT_IN_TABLE.format(name=plan.telescope)) from None
    again = GwPlan(
        id_gw=plan.id_gw,
        group_id=plan.group_id,
        telescope=plan.telescope,
        strategy=plan.strategy,
        generation=plan.generation + 1,
        max_tiles=plan.max_tiles,
        telescope_reviewed=is_reviewed,
    )
    session.add(again)
    group = session.get_one(GwPlanGroup, plan.group_id)
    group.state, group.ended_at = "running", None
    alert.is_process_running = True
    session.flush()
    return steps.want(session, [steps.Want(PLAN, plan.id_gw, key=str(again.id))])


def _again(session: Session, *conditions: ColumnElement[bool]) -> list[steps.Bell]:
    """Try steps again; of a plan, whose row has its end, another one is made."""
    failed = session.scalars(
        select(GwPlan)
        .join(GwStep, (GwStep.step == PLAN) & (GwStep.key == cast(GwPlan.id, Text)))
        .where(GwPlan.state == "failed", *conditions)
        .order_by(GwPlan.id)
    ).all()
    bells = []
    for plan in failed:
        with suppress(OrderError):
            bells += retry_plan(session, plan)
    return bells + steps.want_again(session, GwStep.step != PLAN, *conditions)


def mark_as_mock(session: Session, trigger_id: str) -> list[steps.Bell]:
    """Make an event a mock for good: end what is planned for it, and say so on what was told.

    Later notices are told in the channel of mocks.
    """
    lock_event(session, trigger_id)
    ids = session.scalars(
        update(GwAlert)
        .where(GwAlert.trigger_id == trigger_id, GwAlert.kind != MOCK)
        .values(kind=MOCK, score=0, action="NO", score_rule=MARKED.format(kind=MOCK))
        .returning(GwAlert.id_gw)
    ).all()
    if not ids:
        return []
    edits = [steps.Want(CARD_AGAIN, id_gw, key="mock") for id_gw in sorted(ids)]
    edits.append(steps.Want(HEADLINE, max(ids), key="mock"))
    bells = end_plans(session, ids, "cancelled", "marked as mock")
    return [*bells, *steps.want(session, edits)]
