"""The end of an event in Slack: the red banner on everything that was posted of it.

What has a step of its own (cards, plans, the announcement) is written anew by that. The rest is
marked by the step ``mark_retracted``, whose key is ``deliveries.id:cause``. What comes into the
thread after the retraction stands below its message and is not marked.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select

from broker.db import transaction
from pipeline.clients.slack import slack
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.gw import deliver
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.blocks import Message
from pipeline.gw.cards_plan import manual_plan, run_failed
from pipeline.gw.gcn_tell import circular_message
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.life import CARD_AGAIN, HEADLINE, MARK_RETRACTED, REPORT
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, Wait, Want
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.gw.tell import NO_TOKEN, cards_of, edit, group_reports, marked
from pipeline.gw.tell_acts import CLAIM, DECISION, END, RUN, claim_said, decision_said
from pipeline.gw.tell_view import Event, event_of

ON_ITS_WAY = timedelta(minutes=10)
"""A message that is not there after this time will not come."""
_TOLD_PLANS = ("done", "failed")
"""Plans that have messages of their own."""


def retract(step: Step) -> Outcome:
    """Have the red banner put on everything that was posted of an event."""
    event = event_of(step)
    cause = f"retracted-{step.id_gw}"
    # More than one where the event was marked as mock and has gone on in their channel.
    threads = {(each.channel, each.thread_ts): each.id_gw for each in event.rows if each.thread_ts}
    headlines = [Want(HEADLINE, id_gw, key=cause) for id_gw in threads.values()]
    cards = [Want(CARD_AGAIN, each.id_gw, key=cause) for each in cards_of(event)]
    plans = [*group_reports(event.rows, cause), *_plan_reports(event.rows, cause)]
    teams = [Want(END, step.id_gw)] if _was_told_to_observe(event.rows) else []
    return Done(then=[*teams, *headlines, *cards, *plans, *_others(event.rows, cause)])


def mark(step: Step) -> Outcome:
    """Put the red banner on one message or picture that nothing else writes anew."""
    with transaction() as session:
        row = session.get(Delivery, int(step.key.partition(":")[0]))
    event = event_of(step)
    end = event.end
    if row is None or end is None:
        return Skip("there is nothing to be marked")
    if row.state != "sent":
        if datetime.now(UTC) - row.updated_at < ON_ITS_WAY:
            return Wait(deliver.LOOK_EVERY_S, "it is not posted yet")
        return Skip("it was never posted")
    said = _SAID[row.kind](row, event)
    ts = row.ts or _find(row)
    if said is None or not ts:
        return Skip("it is not there any more")
    return edit(row.channel, ts, lambda: marked(said, end))


def _was_told_to_observe(rows: Sequence[GwAlert]) -> bool:
    """Tell whether the channel of the observations was told of an event."""
    with transaction() as session:
        found = session.scalar(
            select(Delivery.id)
            .where(
                Delivery.id_gw.in_([row.id_gw for row in rows]),
                Delivery.kind.in_((DECISION, CLAIM)),
                Delivery.state != "dead",
            )
            .limit(1)
        )
    return found is not None


def _others(rows: Sequence[GwAlert], cause: str) -> list[Want]:
    """Return steps that mark what no other step writes anew."""
    with transaction() as session:
        found = session.execute(
            select(Delivery.id_gw, Delivery.id).where(
                Delivery.id_gw.in_([row.id_gw for row in rows]),
                Delivery.kind.in_(_SAID),
                or_(Delivery.kind != "M5", Delivery.key.startswith(RUN)),  # plans' have reports
                Delivery.state != "dead",
            )
        ).all()
    return [Want(MARK_RETRACTED, id_gw, key=f"{number}:{cause}") for id_gw, number in found]


def _plan_reports(rows: Sequence[GwAlert], cause: str) -> list[Want]:
    """Return steps that write anew what was posted of single plans."""
    with transaction() as session:
        found = session.execute(
            select(GwPlan.id_gw, GwPlan.group_id, GwPlan.id).where(
                GwPlan.id_gw.in_([row.id_gw for row in rows]), GwPlan.state.in_(_TOLD_PLANS)
            )
        ).all()
    return [Want(REPORT, id_gw, key=f"{group}:{plan}:{cause}") for id_gw, group, plan in found]


def _find(row: Delivery) -> str | None:
    """Return where a picture lies, which Slack does not say when it takes the file."""
    client = slack()
    if client is None:
        raise StepFailed(NO_TOKEN)
    try:
        found = deliver.left_by(
            client, row.channel, str(row.delivery_id), row.thread_ts, row.created_at
        )
    except SlackRefusedError as error:
        raise StepFailed(str(error)) from None
    return found[0] if found else None


def _manual(row: Delivery, event: Event) -> Message | None:
    with transaction() as session:
        action = session.get(GwSlackAction, int(row.key))
    return manual_plan(event.row.trigger_id, action.user_id) if action else None


def _failed_run(row: Delivery, event: Event) -> Message | None:
    with transaction() as session:
        step = session.get(GwStep, int(row.key.removeprefix(RUN)))
    return run_failed(event.row.trigger_id, step.last_error or "") if step else None


def _decision(row: Delivery, event: Event) -> Message | None:
    return decision_said(event, row.key)


def _claim(row: Delivery, event: Event) -> Message | None:
    """Return what a click took, also what was given back since."""
    return claim_said(event, int(row.key.partition(":")[0])).get(row.key)


def _circular(row: Delivery, _: Event) -> Message | None:
    with transaction() as session:
        circular = session.get(GcnNotice, int(row.key))
    return circular_message(circular.name, circular.notice_id) if circular else None


def _picture(_: Delivery, _event: Event) -> Message:
    """Return the words of a message that is a picture, whose title cannot be changed."""
    return Message("what this picture shows is no event", ())


_SAID: dict[str, Callable[[Delivery, Event], Message | None]] = {
    "M5": _failed_run,
    "M6": _manual,
    "circular": _circular,
    DECISION: _decision,
    CLAIM: _claim,
    "picture": _picture,
    "plan_picture": _picture,
}
"""What a delivery says, made anew, by its kind."""
