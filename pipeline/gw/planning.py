"""End plans that a newer notice or a retraction made worthless; say which rows still plan."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.gw import steps
from pipeline.gw.plan_tables import OPEN_PLAN_STATES, GwPlan, GwPlanGroup
from pipeline.gw.step_registry import PLANNING
from pipeline.gw.tables import OPEN_STEP_STATES, GwAlert, GwStep


def end_plans(
    session: Session, ids_gw: Sequence[int], state: Literal["superseded", "cancelled"], why: str
) -> list[steps.Bell]:
    """End what is planned for these notices.

    Plans that wait are over at once. One that runs is told by its row: its worker looks there every
    few seconds, kills the plan's process and ends the step.

    Parameters
    ----------
    session : Session
        Of the transaction that stores what ends them.
    ids_gw : sequence of int
        ``gw_alerts.id_gw``.
    state : str
        What the plans become.
    why : str
        For people.

    Returns
    -------
    list of Bell
        Steps that follow, to be rung for after the commit.
    """
    end = {"state": state, "ended_at": func.now()}
    for table, values in ((GwPlan, end | {"reason": why}), (GwPlanGroup, end)):
        session.execute(
            update(table)
            .where(table.id_gw.in_(ids_gw), table.state.in_(OPEN_PLAN_STATES))
            .values(values)
        )
    bells = steps.cancel(session, why, GwStep.id_gw.in_(ids_gw), GwStep.step.in_(PLANNING))
    settle_running(session, ids_gw)
    return bells


def settle_running(session: Session, ids_gw: Sequence[int]) -> None:
    """Clear ``is_process_running`` of rows for which nothing is planned any more."""
    has_steps = (
        select(GwStep.id)
        .where(
            GwStep.id_gw == GwAlert.id_gw,
            GwStep.step.in_(PLANNING),
            GwStep.state.in_(OPEN_STEP_STATES),
        )
        .exists()
    )
    has_plans = (
        select(GwPlan.id)
        .where(GwPlan.id_gw == GwAlert.id_gw, GwPlan.state.in_(OPEN_PLAN_STATES))
        .exists()
    )
    session.execute(
        update(GwAlert)
        .where(GwAlert.id_gw.in_(ids_gw), GwAlert.is_process_running, ~or_(has_steps, has_plans))
        .values(is_process_running=False)
    )
