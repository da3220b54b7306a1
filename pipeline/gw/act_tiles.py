"""Clicks of telescope teams: they take tiles, have observed them, or cannot observe."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from pipeline.gw import act_forms, outages, ranks, standing, steps, tile_claims
from pipeline.gw.act_answers import Answer, number
from pipeline.gw.act_forms import TilesForm
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.blocks import MAX_FIELD, escape
from pipeline.gw.life import REPORT
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanTile
from pipeline.gw.steps import Bell, Want
from pipeline.gw.tables import GwAlert
from pipeline.gw.telescopes import TelescopeError
from pipeline.gw.tell_acts import CLAIMED

NO_PLAN = "This plan is not kept any more."
NOT_ASKED = "The form could not be opened in time. Please press once more, or use {url}"
NOT_ASKED_WHICH = "The form could not be opened in time. Please press once more."
NOBODY = "Nobody has taken tiles of this plan that are still to be observed."


def claim(session: Session, action: GwSlackAction) -> Answer:
    """Take the tiles that the form names, as far as nobody else has them."""
    if action.form is None:
        return _take(session, action, ())
    try:
        form = act_forms.read(TilesForm, action.form)
    except act_forms.FormError as error:
        return Answer(f"No tile was taken: {error}", is_refusal=True)
    return _take(session, action, form.tiles)


def claim_all(session: Session, action: GwSlackAction) -> Answer:
    """Take every tile of a plan that nobody has."""
    return _take(session, action, None)


def done(session: Session, action: GwSlackAction) -> Answer:
    """Note that tiles were observed: those that the form names and that somebody has taken."""
    plan = _plan(session, action)
    if plan is None:
        return Answer(NO_PLAN, is_refusal=True)
    tiles = tile_claims.of_plan(session, plan.id)
    if why := _why_not_done(plan, tiles, action):
        return Answer(why, is_refusal=True)
    try:
        wanted = act_forms.read(TilesForm, action.form or {}).tiles
    except act_forms.FormError as error:
        return Answer(f"Nothing was noted: {error}", is_refusal=True)
    observed = [rank for rank in tiles.taken() if rank in wanted]
    session.execute(
        update(GwClaim)
        .where(GwClaim.id.in_([tiles.claims[rank].id for rank in observed]))
        .where(GwClaim.state == "claimed")
        .values(state="done", ended_at=func.now())
    )
    before = [rank for rank in wanted if rank in tiles.claims and rank not in observed]
    others = [rank for rank in wanted if rank not in tiles.claims]
    left = f" Noted before: {ranks.named(before)}." if before else ""
    left += f" Not noted, as nobody has it to observe: {ranks.named(others)}." if others else ""
    if not observed:
        return Answer(left.strip(), is_refusal=True)
    said = f"{ranks.named(observed)} of {plan.telescope} noted as observed"
    return Answer(f"Thank you: {said}.{left}", _show_holders(session, action, plan))


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
    tiles = tile_claims.of_plan(session, plan.id)
    given_back = tiles.taken()
    session.execute(
        update(GwClaim)
        .where(GwClaim.id.in_([tiles.claims[rank].id for rank in given_back]))
        .where(GwClaim.state == "claimed")
        .values(state="released", ended_at=func.now())
    )
    free = f" Given back: {ranks.named(given_back)}." if given_back else ""
    until = f"{form.until:%Y-%m-%d %H:%M} UTC"
    bells = _show_holders(session, action, plan) if given_back else []
    return Answer(f"{plan.telescope} is out until {until}; thank you.{free}", bells)


def unknown(value: str | None, form: TilesForm) -> Mapping[str, str]:
    """Return what is wrong with ranks that a plan, whose id is ``value``, does not have."""
    with transaction() as session:
        tiles = tile_claims.of_plan(session, number(value))
    beyond = [rank for rank in form.tiles if rank not in tiles.every]
    if not (tiles.every and beyond):  # that a plan has gone is said to whoever clicked
        return {}
    return {"tiles": f"no tile {ranks.shown(beyond)}: the plan has {ranks.shown(tiles.every)}"}


def _take(session: Session, action: GwSlackAction, wanted: Collection[int] | None) -> Answer:
    """Take tiles of a plan, and have the channel of the observations told.

    ``wanted``: ranks; None is all, nothing means that no form came up to name them.
    """
    plan = _plan(session, action)
    if plan is None:
        return Answer(NO_PLAN, is_refusal=True)
    if why := standing.obstacle(session, session.get_one(GwAlert, plan.id_gw)):
        return Answer(why, is_refusal=True)
    tiles = tile_claims.of_plan(session, plan.id)
    if tiles.free and wanted is not None and not wanted:
        return Answer(NOT_ASKED_WHICH, is_refusal=True)
    asked = wanted or tiles.every
    _insert(session, action, plan, [rank for rank in asked if rank not in tiles.claims])
    tiles = tile_claims.of_plan(session, plan.id)
    mine = [rank for rank, each in tiles.claims.items() if each.slack_action_id == action.id]
    others = escape(tiles.holders([rank for rank in asked if rank not in mine]), MAX_FIELD)
    if not mine:
        return Answer(f"These tiles are taken already: {others}.", is_refusal=True)
    left = f" Taken already: {others}." if others else ""
    return Answer(
        f"You have taken {ranks.named(mine)} of {plan.telescope}.{left}",
        [
            *steps.want(session, [Want(CLAIMED, plan.id_gw, key=str(action.id))]),
            *_show_holders(session, action, plan),
        ],
    )


def _why_not_done(plan: GwPlan, tiles: tile_claims.Tiles, action: GwSlackAction) -> str:
    if not tiles.taken():
        return NOBODY
    if action.form is None:
        return NOT_ASKED_WHICH
    if plan.dark_from and datetime.now(UTC) < plan.dark_from:
        return f"Nothing was noted: it gets dark there at {plan.dark_from:%d %b %H:%M} UTC."
    return ""


def _show_holders(session: Session, action: GwSlackAction, plan: GwPlan) -> list[Bell]:
    """Have the message with a plan's tiles say who has which of them."""
    wanted = [
        Want(REPORT, each.id_gw, key=f"{each.group_id}:{each.id}:action-{action.id}")
        for each in tile_claims.plans_alike(session, plan)
    ]
    return list(steps.want(session, wanted))


def _insert(session: Session, action: GwSlackAction, plan: GwPlan, wanted: Collection[int]) -> None:
    """Insert a claim of each tile that has no living one: of two at once, one gets it."""
    tiles = select(
        GwPlanTile.plan_id,
        literal(plan.telescope),
        GwPlanTile.id,
        literal(_who(action)),
        literal(action.user_id),
        literal(action.id),
    ).where(GwPlanTile.plan_id == plan.id, GwPlanTile.rank_id.in_(wanted))
    columns = ["plan_id", "telescope", "tile_id", "claimed_by", "slack_user", "slack_action_id"]
    session.execute(insert(GwClaim).from_select(columns, tiles).on_conflict_do_nothing())


def _plan(session: Session, action: GwSlackAction) -> GwPlan | None:
    """Return the plan that the button names, and note its notice on the action."""
    plan = session.get(GwPlan, number(action.value))
    if plan is not None:
        action.id_gw = plan.id_gw
    return plan


def _who(action: GwSlackAction) -> str:
    return action.user_name or action.user_id
