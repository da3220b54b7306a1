"""The steps that tell of a burst: open its thread, then one message per packet, in order."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from pipeline.gw import grb_intake, steps
from pipeline.gw.deliver import Address, post
from pipeline.gw.grb import doubts
from pipeline.gw.grb_cards import opening_card, packet_card
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.steps import Bell, Done, Outcome, Skip, Step, StepFailed, Wait, Want
from pipeline.gw.tables import OPEN_STEP_STATES, GwStep
from pipeline.gw.voevents import SWIFT

T90 = "grb_t90"
WAIT_S = 3.0
"""For the message before this one."""


def open_thread(step: Step) -> Outcome:
    """Post the first message of a burst; what came before and since is told in its thread."""
    row, packets = _burst(step)
    channel = channel_of(row)
    if not channel:
        return Skip("no Slack channel is set for bursts of this kind")
    event = grb_intake.event_of(row)
    others = [grb_intake.event_of(each) for each in packets if each.id_grb < row.id_grb]
    card = opening_card(event, doubts(event, others), _link(row))
    key = f"{row.mission}:{row.trigger_id}:{row.id_grb}"
    ts = post(Address(channel, "GRB", key, id_grb=row.id_grb), card)

    def record(session: Session) -> Sequence[Bell]:
        grb_intake.lock(session, row.trigger_id)
        now = grb_intake.burst(session, row.trigger_id, is_test=event.is_test)
        ids = [each.id_grb for each in now]
        mine = update(GrbAlert).where(GrbAlert.id_grb.in_(ids))
        session.execute(mine.values(thread_ts=ts, channel=channel))
        session.execute(update(GrbAlert).where(GrbAlert.id_grb == row.id_grb).values(message_ts=ts))
        wants = [Want(grb_intake.CARD, id_grb=each) for each in ids if each != row.id_grb]
        if row.mission == SWIFT and not event.is_test:
            wants.append(Want(T90, id_grb=row.id_grb))
        return steps.want(session, wants)

    return Done(record)


def tell_packet(step: Step) -> Outcome:
    """Tell a burst's thread of one packet, once the packets before it are told."""
    row, packets = _burst(step)
    if row.thread_ts is None or row.channel is None:
        return Wait(WAIT_S, "the thread is not open yet")
    earlier = [each for each in packets if each.reception_count < row.reception_count]
    if _is_any_waiting([each.id_grb for each in earlier]):
        return Wait(WAIT_S, "an earlier packet is told first")
    event = grb_intake.event_of(row)
    card = packet_card(event, doubts(event, [grb_intake.event_of(each) for each in earlier]))
    place = Address(row.channel, "GRB", row.ivorn, row.thread_ts, id_grb=row.id_grb)
    ts = post(place, card)

    def record(session: Session) -> None:
        mine = update(GrbAlert).where(GrbAlert.id_grb == row.id_grb)
        session.execute(mine.values(message_ts=ts))

    return Done(record)


def channel_of(row: GrbAlert) -> str:
    """Return the Slack channel that is told of a burst; empty: nobody is told."""
    slack = config().slack
    if row.role == grb_intake.TEST:
        return config().gw.mock_channel
    return slack.grb_channel or slack.gw_channel


def _burst(step: Step) -> tuple[GrbAlert, list[GrbAlert]]:
    with transaction() as session:
        row = session.get(GrbAlert, step.id_grb)
        if row is None:
            raise StepFailed("the packet is gone")
        is_test = row.role == grb_intake.TEST
        return row, grb_intake.burst(session, row.trigger_id, is_test=is_test)


def _is_any_waiting(ids: Sequence[int]) -> bool:
    with transaction() as session:
        found = session.scalar(
            select(GwStep.id)
            .where(
                GwStep.id_grb.in_(ids),
                GwStep.step == grb_intake.CARD,
                GwStep.state.in_(OPEN_STEP_STATES),
            )
            .limit(1)
        )
    return found is not None


def _link(row: GrbAlert) -> str:
    name = f"GRB{row.grb_name}" if row.grb_name else row.trigger_id
    return config().gw.skyportal_url.replace("{id}", name)
