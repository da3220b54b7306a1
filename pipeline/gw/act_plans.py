"""Clicks about plans: run them, run them otherwise, cancel them, try one again.

The step ``plans`` of a click has the key ``action-{id}``: what was asked for, and by whom, stands
in that row of ``gw_slack_actions``; without a form the default groups are planned.
"""

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.gw import orders, plan_rows, planning, standing, steps
from pipeline.gw.act_answers import Answer, number
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.life import CARD_AGAIN, HEADLINE, PLAN
from pipeline.gw.plan_tables import OPEN_PLAN_STATES, GwPlan, GwPlanGroup
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert, GwStep
from pipeline.gw.tell_acts import BUSY, MANUAL

NO_MAP = "No plan can be made: the notice has no usable sky map."
GONE = "These plans have ended."
CANCELLED = "cancelled by hand"
"""On the public page, which names nobody."""
NO_DIALOG = "The form could not be opened in time. Please press once more; the event: {url}"


def run(session: Session, action: GwSlackAction, row: GwAlert) -> Answer:
    """Plan, unless plans are being made: of two clicks one plans, the other is led to it."""
    if row.skymap_id is None:
        return Answer(NO_MAP, is_refusal=True)
    key = str(action.id)
    bells = orders.plan_again(session, row.id_gw, key=f"action-{key}")
    if not bells:
        return Answer(bells=steps.want(session, [Want(BUSY, row.id_gw, key=key)]))
    cause = f"action-{key}"
    told = [
        Want(MANUAL, row.id_gw, key=key),
        Want(CARD_AGAIN, row.id_gw, key=cause),
        Want(HEADLINE, row.id_gw, key=cause),
    ]
    return Answer(bells=[*bells, *steps.want(session, told)])


def run_with_options(session: Session, action: GwSlackAction, row: GwAlert) -> Answer:
    """Plan as the form says."""
    if action.form is None:
        url = f"{config().web.public_url}/gw/{row.trigger_id}"
        return Answer(NO_DIALOG.format(url=url), is_refusal=True)
    return run(session, action, row)


def cancel(session: Session, action: GwSlackAction) -> Answer:
    """End what is planned in one group; what is done of it stays done."""
    group = session.get(GwPlanGroup, number(action.value))
    if group is None:
        return Answer(GONE, is_refusal=True)
    action.id_gw = group.id_gw
    standing.lock_event(session, session.get_one(GwAlert, group.id_gw).trigger_id)
    session.refresh(group)
    if group.state not in OPEN_PLAN_STATES:
        return Answer(GONE, is_refusal=True)
    ended = session.scalars(
        update(GwPlan)
        .where(GwPlan.group_id == group.id, GwPlan.state.in_(OPEN_PLAN_STATES))
        .values(state="cancelled", reason=CANCELLED, ended_at=func.now())
        .returning(GwPlan.id)
    ).all()
    plan_rows.settle_group(session, group.id)
    keys = [str(each) for each in ended]
    why = f"cancelled by {action.user_name or action.user_id}"
    mine = (GwStep.id_gw == group.id_gw, GwStep.step == PLAN, GwStep.key.in_(keys))
    bells = steps.cancel(session, why, *mine)
    planning.settle_running(session, [group.id_gw])
    return Answer(f"{len(ended)} plans are cancelled.", bells)


def retry(session: Session, action: GwSlackAction) -> Answer:
    """Try a plan that failed once more."""
    plan = session.get(GwPlan, number(action.value))
    if plan is None:
        return Answer(orders.NOT_FAILED, is_refusal=True)
    action.id_gw = plan.id_gw
    try:
        return Answer(bells=orders.retry_plan(session, plan))
    except orders.OrderError as error:
        return Answer(str(error), is_refusal=True)
