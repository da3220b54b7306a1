"""The steps that tell Slack of a notice: the event's thread, the notice's card and its edits.

A thread's message and cards are posted once (``deliver``). Everything that is edited afterwards is
written anew from the rows by one worker at a time, so an edit may be repeated in any order.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from broker.db import lock, transaction
from pipeline.clients.slack import Slack, slack
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.gw import deliver, steps
from pipeline.gw.blocks import Message, context, message
from pipeline.gw.cards import EventSummary, mark_retracted, new_event, retraction
from pipeline.gw.cards_notice import Card, notice_card
from pipeline.gw.life import CARD_AGAIN, HEADLINE, PICTURE, REPORT, THREAD
from pipeline.gw.notices import RETRACTION
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanGroup
from pipeline.gw.standing import lock_event
from pipeline.gw.step_registry import IN_THREAD
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, StepRestError, Wait, Want
from pipeline.gw.tables import OPEN_STEP_STATES, GwAlert, GwStep
from pipeline.gw.tell_view import Event, channel_of, event_of, links_of, now

PATIENCE_S = 5.0
"""A step that waits for the thread looks again after this time; the thread's end wakes it."""
TURN_S = 1.0
"""A step rests for so long while another worker writes its message."""
NO_CHANNEL = "no Slack channel is set for {kind} events"
NO_TOKEN = "slack.token is not set"  # noqa: S105 a message
_SHOWN = (GwAlert.state, GwAlert.is_process_running, GwAlert.owncloud_url)
"""What may change while a card is being posted; whoever changes it edits cards that he finds."""


def thread(step: Step) -> Outcome:
    """Announce an event in its channel (M1); its thread holds the rest."""
    event = event_of(step)
    channel = channel_of(event.row)
    if not channel:
        return Skip(NO_CHANNEL.format(kind=event.row.kind))
    if slack() is None:
        return Skip(NO_TOKEN)
    if event.row.thread_ts is not None:  # a later notice opened one while this step had failed
        return Skip("the event has its thread already")
    trigger_id = event.row.trigger_id
    address = deliver.Address(channel, "M1", f"{trigger_id}:{step.id_gw}", id_gw=step.id_gw)
    ts = deliver.post(address, new_event(EventSummary(trigger_id, event.row.kind)))

    def record(session: Session) -> Sequence[steps.Bell]:
        """Give all notices of the event their thread, and go on with them."""
        lock_event(session, trigger_id)  # one that is being stored found no thread to take over
        same_event = GwAlert.trigger_id == trigger_id
        session.execute(
            update(GwAlert)
            .where(same_event, GwAlert.thread_ts.is_(None))
            .values(thread_ts=ts, channel=channel)
        )
        ids = select(GwAlert.id_gw).where(same_event)
        return steps.wake(session, GwStep.id_gw.in_(ids), GwStep.step.in_(IN_THREAD))

    return Done(record)


def card(step: Step) -> Outcome:
    """Post the card of a notice into its event's thread (M2), or the event's end (M8)."""
    event = event_of(step)
    row = event.row
    if row.thread_ts is None or row.channel is None:
        return await_thread(event)
    is_end = row.alert_type == RETRACTION
    said = _end_of(event) if is_end else _card(event, row)
    address = deliver.Address(
        row.channel, "M8" if is_end else "M2", str(row.id_gw), row.thread_ts, row.id_gw
    )
    may_be_old = deliver.was_tried(address)
    ts = deliver.post(address, said)

    def record(session: Session) -> Sequence[steps.Bell]:
        """Note where the card lies; one that says what is so no more is written anew."""
        mine = update(GwAlert).where(GwAlert.id_gw == row.id_gw).values(message_ts=ts)
        as_it_is = session.execute(mine.returning(*_SHOWN)).one()
        as_said = tuple(getattr(row, column.key) for column in _SHOWN)
        is_old = not is_end and (may_be_old or tuple(as_it_is) != as_said)
        again = [Want(CARD_AGAIN, row.id_gw, key="posted")] if is_old else []
        waiting = steps.wake(session, GwStep.id_gw == row.id_gw, GwStep.step == PICTURE)
        return [*waiting, *steps.want(session, again)]

    if is_end:
        return Done(record)  # the step ``retract`` marks what was posted before
    cause = f"n{row.reception_count}"
    older = [Want(CARD_AGAIN, each.id_gw, key=cause) for each in cards_of(event) if each is not row]
    groups = group_reports([each for each in event.rows if each is not row], cause)
    return Done(record, [Want(HEADLINE, row.id_gw, key=cause), *older, *groups])


def card_again(step: Step) -> Outcome:
    """Write a card anew as its notice stands now: decided, planned, superseded, retracted."""
    row = event_of(step).row
    if not (row.channel and row.message_ts):
        return Skip("it has no card")

    def as_it_stands() -> Message:
        event = event_of(step)
        return _card(event, event.row)

    return edit(row.channel, row.message_ts, as_it_stands)


def headline(step: Step) -> Outcome:
    """Write an event's announcement anew: its latest notice, the decision, how far planning is."""
    row = event_of(step).row
    if not (row.channel and row.thread_ts):
        return Skip("it has no thread")
    return edit(row.channel, row.thread_ts, lambda: _headline(event_of(step)))


def _headline(event: Event) -> Message:
    latest = event.current
    summary = EventSummary(
        event.row.trigger_id,
        event.row.kind,
        event.alert(latest) if latest else None,
        event.decision,
        _planning(event, latest) if latest else "",
        is_over=event.retraction is not None,
    )
    return marked(new_event(summary), event.retraction)


def await_thread(event: Event) -> Outcome:
    """Wait for the event's thread, if it will be opened."""
    with transaction() as session:
        opening = session.scalar(
            select(GwStep.id)
            .where(
                GwStep.id_gw.in_([each.id_gw for each in event.rows]),
                GwStep.step == THREAD,
                GwStep.state.in_(OPEN_STEP_STATES),
            )
            .limit(1)
        )
        is_open = session.scalar(
            select(GwAlert.thread_ts).where(GwAlert.id_gw == event.row.id_gw)
        )  # since the event was read
    if opening is None and is_open is None:
        return Skip("its event has no thread")
    return Wait(PATIENCE_S, "the event's thread is not open yet")


def edit(channel: str, ts: str, as_it_stands: Callable[[], Message]) -> Outcome:
    """Write a message anew, one worker after the other.

    Parameters
    ----------
    channel, ts : str
        Where it lies.
    as_it_stands : callable
        Returns it made of the rows; called once nobody else writes it, so that the last text is
        that of the last rows.

    Raises
    ------
    StepFailed
        If Slack refuses for good.
    StepRestError
        If another worker writes it just now.
    """
    client: Slack | None = slack()
    if client is None:
        return Skip(NO_TOKEN)
    with lock(f"slack.edit.{channel}.{ts}") as is_mine:
        if not is_mine:
            raise StepRestError("another worker writes this message", TURN_S)
        try:
            client.update(channel, ts, as_it_stands())
        except SlackRefusedError as error:
            raise StepFailed(str(error)) from None
    return Done()


def marked(said: Message, end: GwAlert | None) -> Message:
    """Return a message under the red banner of the notice that ends it, if one does."""
    return mark_retracted(said, end.trigger_id, end.time_created) if end else said


def _card(event: Event, row: GwAlert) -> Message:
    """Return a notice's card as the notice stands now."""
    previous = event.previous
    said = notice_card(
        Card(
            event.alert(row),
            str(row.id_gw),
            row.reception_count,
            now(),
            event.alert(previous) if previous else None,
            event.decision,
            row.is_process_running,
            links_of(row),
            outcome=event.outcomes.get(row.id_gw, ""),
            is_over=row.state != "current",
        )
    )
    newer = event.current
    if row.state == "superseded" and newer is not None:
        return _superseded(said, f"⏭️ Superseded by N°{newer.reception_count}, see below.")
    return marked(said, event.end)


def _superseded(said: Message, line: str) -> Message:
    """Return a card without what it would start, and with the reason."""
    kept = [block for block in said.blocks if block["type"] != "actions" or _only_opens(block)]
    return Message(said.text, message("", *kept, context(line)).blocks)


def _only_opens(block: dict[str, object]) -> bool:
    buttons = block["elements"]
    return isinstance(buttons, list) and all("url" in button for button in buttons)


def _end_of(event: Event) -> Message:
    """Return the message of a retraction; whoever took tiles is mentioned."""
    ids = [each.id_gw for each in event.rows]
    with transaction() as session:
        claimed = select(GwClaim.slack_user).join(GwPlan, GwPlan.id == GwClaim.plan_id)
        users = session.scalars(
            claimed.where(GwPlan.id_gw.in_(ids), GwClaim.slack_user.is_not(None)).distinct()
        ).all()
    claimants = tuple(sorted(user for user in users if user))
    return retraction(event.row.trigger_id, event.row.time_created, claimants)


def cards_of(event: Event) -> list[GwAlert]:
    """Return the notices whose cards were posted, but retractions'."""
    return [each for each in event.rows if each.message_ts and each.alert_type != RETRACTION]


def _planning(event: Event, latest: GwAlert) -> str:
    """Return how far a notice's plans are, in words; empty where nothing was planned."""
    if latest.is_process_running:
        return "plans are being made"
    return event.outcomes.get(latest.id_gw, "")


def group_reports(rows: Sequence[GwAlert], cause: str) -> list[Want]:
    """Return steps that write anew what was posted of the groups of notices."""
    with transaction() as session:
        found = session.execute(
            select(GwPlanGroup.id_gw, GwPlanGroup.id).where(
                GwPlanGroup.id_gw.in_([row.id_gw for row in rows]), GwPlanGroup.ts.is_not(None)
            )
        ).all()
    return [Want(REPORT, id_gw, key=f"{group}::{cause}") for id_gw, group in found]
