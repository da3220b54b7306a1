"""Clicks of telescope teams: they take tiles, have observed them, or cannot observe."""

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.gw import act_forms, outages, standing, steps
from pipeline.gw.act_answers import Answer, number
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanTile
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert
from pipeline.gw.telescopes import TelescopeError
from pipeline.gw.tell_acts import CLAIMED

NO_PLAN = "This plan is not kept any more."
NOT_ASKED = "The form could not be opened in time. Please press once more, or use {url}"


def claim(session: Session, action: GwSlackAction) -> Answer:
    """Take the tiles of a plan that nobody has taken; the observations' channel reads the lines."""
    plan = _plan(session, action)
    if plan is None:
        return Answer(NO_PLAN, is_refusal=True)
    if why := standing.obstacle(session, session.get_one(GwAlert, plan.id_gw)):
        return Answer(why, is_refusal=True)
    tiles = select(
        GwPlanTile.plan_id,
        literal(plan.telescope),
        GwPlanTile.id,
        literal(_who(action)),
        literal(action.user_id),
    ).where(GwPlanTile.plan_id == plan.id)
    columns = ["plan_id", "telescope", "tile_id", "claimed_by", "slack_user"]
    taken = session.scalars(
        insert(GwClaim).from_select(columns, tiles).on_conflict_do_nothing().returning(GwClaim.id)
    ).all()
    if not taken:
        return Answer("These tiles are taken already.", is_refusal=True)
    return Answer(bells=steps.want(session, [Want(CLAIMED, plan.id_gw, key=str(action.id))]))


def done(session: Session, action: GwSlackAction) -> Answer:
    """Note that a plan's taken tiles were observed."""
    plan = _plan(session, action)
    if plan is None:
        return Answer(NO_PLAN, is_refusal=True)
    ended = session.scalars(
        update(GwClaim)
        .where(GwClaim.plan_id == plan.id, GwClaim.state == "claimed")
        .values(state="done", ended_at=func.now())
        .returning(GwClaim.id)
    ).all()
    if not ended:
        return Answer(
            "Nobody has taken tiles of this plan: please take them first.", is_refusal=True
        )
    return Answer(f"Thank you: {len(ended)} tiles of {plan.telescope} are observed.")


def cannot(session: Session, action: GwSlackAction) -> Answer:
    """Note that a telescope is out until a time, and give its tiles back."""
    plan = _plan(session, action)
    if plan is None:
        return Answer(NO_PLAN, is_refusal=True)
    if action.form is None:
        url = f"{config().web.public_url}/gw/telescopes"
        return Answer(NOT_ASKED.format(url=url), is_refusal=True)
    try:
        form = act_forms.read(act_forms.OutageForm, action.form)
        outages.mark(session, plan.telescope, form.reason, form.until, _who(action))
    except (act_forms.FormError, outages.OutageError, TelescopeError) as error:
        return Answer(f"Nothing was noted: {error}", is_refusal=True)
    session.execute(
        update(GwClaim)
        .where(GwClaim.plan_id == plan.id, GwClaim.state == "claimed")
        .values(state="released", ended_at=func.now())
    )
    return Answer(f"{plan.telescope} is out until {form.until:%Y-%m-%d %H:%M} UTC; thank you.")


def _plan(session: Session, action: GwSlackAction) -> GwPlan | None:
    """Return the plan that the button names, and note its notice on the action."""
    plan = session.get(GwPlan, number(action))
    if plan is not None:
        action.id_gw = plan.id_gw
    return plan


def _who(action: GwSlackAction) -> str:
    return action.user_name or action.user_id
