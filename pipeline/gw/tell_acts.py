"""The steps that tell Slack what came of a click: decisions, plans by hand, tiles that were taken.

Their key is ``gw_slack_actions.id``, so that one click is told once.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from broker.config import config
from broker.db import transaction
from pipeline.clients.slack import LONGEST_TEXT, slack
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.gw import deliver, plan_rows
from pipeline.gw.action_tables import GwDecision, GwSlackAction
from pipeline.gw.blocks import Message, escape
from pipeline.gw.cards import badge
from pipeline.gw.cards_lines import claim_line, decision_line
from pipeline.gw.cards_plan import already_running, manual_plan, run_failed
from pipeline.gw.notices import REAL
from pipeline.gw.plan_tables import CLAIM_STATES, GwClaim, GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed
from pipeline.gw.tables import GwStep
from pipeline.gw.tell import NO_TOKEN, await_thread, edit, marked
from pipeline.gw.tell_view import ADVICE, Event, event_of

MANUAL, BUSY, CLAIMED, END = "tell_manual", "tell_busy", "tell_claim", "tell_end"
DECISION, CLAIM = "decision", "claim"
"""Kinds of deliveries to the channel of the observations."""
RUN = "run-"
"""Begins the key of the message that a run could not begin."""
TOO_LATE = "the event was retracted before this was told"
NOBODY = "no Slack channel is set for decisions and tiles of such events"


def decision(step: Step) -> Outcome:
    """Write a decision's line for the channel of the observations.

    The key is the decision's id; with ``:ready`` behind it the line is told again, because the
    plans of a notice are ready.
    """
    event = event_of(step)
    channel = _observations(event)
    if not channel:
        return Skip(NOBODY)
    is_again = ":" in step.key
    if event.end is not None:
        return Skip(TOO_LATE)
    if is_again and event.row.state != "current":
        return Skip("a newer notice came before this was told")
    said = decision_said(event, step.key)
    if said is None:
        return Skip("the decision was taken back")
    key = f"{step.key}:{step.id_gw}" if is_again else step.key
    _say(step, deliver.Address(channel, DECISION, key, id_gw=step.id_gw), said)
    return Done()


def decision_said(event: Event, key: str) -> Message | None:
    """Return a decision's line, by the key of its delivery; None where it was taken back."""
    with transaction() as session:
        row = session.get(GwDecision, int(key.partition(":")[0]))
        is_planned = plan_rows.is_ready(session, event.row.id_gw)
    if row is None:
        return None
    line = decision_line(event.alert(event.row), ADVICE[row.decision], is_planned=is_planned)
    return Message(badge(event.row.kind) + line, ())


def manual(step: Step) -> Outcome:
    """Tell the thread that somebody asked for a plan (M6)."""
    event = event_of(step)
    row, action = event.row, _action(step)
    if not (row.channel and row.thread_ts):
        return Skip("the event has no thread")
    if event.end is not None:
        return Skip(TOO_LATE)
    said = manual_plan(row.trigger_id, action.user_id)
    deliver.post(deliver.Address(row.channel, "M6", step.key, row.thread_ts, row.id_gw), said)
    return Done()


def failed_run(step: Step) -> Outcome:
    """Tell the thread that plans could not even begin (M5); the key is the id of that step."""
    event = event_of(step)
    row = event.row
    if not (row.channel and row.thread_ts):
        return await_thread(event)
    with transaction() as session:
        failed = session.get(GwStep, int(step.key))
    said = run_failed(row.trigger_id, (failed and failed.last_error) or "")
    address = deliver.Address(row.channel, "M5", f"{RUN}{step.key}", row.thread_ts, row.id_gw)
    deliver.post(address, said)
    return Done()


def busy(step: Step) -> Outcome:
    """Send whoever clicked a second time to the plan that runs (M7)."""
    event = event_of(step)
    row, action, client = event.row, _action(step), slack()
    if client is None:
        return Skip(NO_TOKEN)
    with transaction() as session:
        running = session.scalars(
            select(GwPlanGroup)
            .where(GwPlanGroup.id_gw == row.id_gw, GwPlanGroup.ts.is_not(None))
            .order_by(GwPlanGroup.id.desc())
            .limit(1)
        ).first()
    channel, ts = (running.channel, running.ts) if running else (row.channel, row.message_ts)
    try:
        link = client.link(str(channel), str(ts))
        direct = client.direct_channel(action.user_id)
    except SlackRefusedError as error:
        raise StepFailed(str(error)) from None
    address = deliver.Address(direct, "M7", step.key, id_gw=row.id_gw)
    deliver.post(address, already_running(row.trigger_id, link))
    return Done()


def claim(step: Step) -> Outcome:
    """Write the prescribed line of each tile that a team took with one click."""
    event, action = event_of(step), _action(step)
    channel = _observations(event)
    if not channel:
        return Skip(NOBODY)
    if event.end is not None:
        return Skip(TOO_LATE)
    messages = claim_said(event, action.id, ("claimed", "done"))
    if not messages:
        return Skip("no tile was left to take")
    for key, said in messages.items():
        _say(step, deliver.Address(channel, CLAIM, key, id_gw=event.row.id_gw), said)
    return Done()


def claim_said(
    event: Event, action_id: int, states: Sequence[str] = CLAIM_STATES
) -> dict[str, Message]:
    """Return the lines of the tiles taken with one click, by the key of their delivery."""
    with transaction() as session:
        found = session.execute(
            select(GwPlanTile, GwPlan.telescope)
            .join(GwPlan, GwPlan.id == GwPlanTile.plan_id)
            .join(GwClaim, GwClaim.tile_id == GwPlanTile.id)
            .where(GwClaim.slack_action_id == action_id, GwClaim.state.in_(states))
            .order_by(GwPlanTile.rank_id)
        ).all()
    lines = [
        badge(event.row.kind)
        + claim_line(
            telescope,
            tile.rank_id,
            tile.tile_id,
            tile.ra_deg,
            tile.dec_deg,
            tile.probability,
            event.row.alert_type,
            event.row.time_created,
        )
        for tile, telescope in found
    ]
    return {
        str(action_id) if number == 1 else f"{action_id}:{number}": Message(text, ())
        for number, text in enumerate(_texts(lines), start=1)
    }


def end(step: Step) -> Outcome:
    """Tell the channel of the observations that an event it was told to observe is none."""
    event = event_of(step)
    channel = _observations(event)
    if not channel:
        return Skip(NOBODY)
    line = f"🟥 RETRACTED: {escape(event.row.trigger_id)} is no event, please stop observing it."
    address = deliver.Address(channel, "end", str(step.id_gw), id_gw=step.id_gw)
    deliver.post(address, Message(badge(event.row.kind) + line, ()))
    return Done()


def _say(step: Step, address: deliver.Address, said: Message) -> None:
    """Post a message; mark it where its notice was retracted while it was on its way."""
    ts = deliver.post(address, said)
    over = event_of(step).end
    if over is not None:
        edit(address.channel, ts, lambda: marked(said, over))


def _texts(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines put together into texts that Slack's client does not cut."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > LONGEST_TEXT:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _observations(event: Event) -> str:
    """Return the channel of the observations; mocks are told in their own channel only."""
    settings = config()
    is_real = event.row.kind == REAL
    return settings.slack.observations_channel if is_real else settings.gw.mock_channel


def _action(step: Step) -> GwSlackAction:
    with transaction() as session:
        return session.get_one(GwSlackAction, int(step.key))
