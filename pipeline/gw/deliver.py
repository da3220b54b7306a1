"""Messages to Slack, each once: the row says what is on its way, the message carries the row's id.

A row goes pending → sending → sent. Whoever finds it ``sending`` cannot know whether the message
arrived, so Slack is searched for the row's id before anything is posted again. A refusal for now
puts it back to ``pending``: nothing was posted. A refusal for good makes it ``dead``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.logs import log
from pipeline.clients.slack import Picture, Said, Slack, slack
from pipeline.clients.slack_errors import SlackBusyError, SlackRefusedError
from pipeline.gw.ledger import shortened
from pipeline.gw.steps import StepFailed
from pipeline.gw.tables import Delivery

CLOCK_SKEW_S = 300
"""A message of a delivery is searched for from so long before the delivery's row was made: Slack's
clock is not ours."""


@dataclass(frozen=True)
class Address:
    """Where a message goes and what it is; the same address is delivered to once.

    Attributes
    ----------
    channel : str
        Slack's id.
    kind : str
        ``M1`` to ``M10``, ``picture`` …
    key : str
        Which one of its kind.
    thread_ts : str
        Of the thread, or empty.
    id_gw, id_grb : int or None
        Whose; the delivery goes with that row.
    """

    channel: str
    kind: str
    key: str
    thread_ts: str = ""
    id_gw: int | None = None
    id_grb: int | None = None


@dataclass(frozen=True)
class _Sending:
    """A delivery that this worker sends."""

    id: int
    delivery_id: str
    sent_ts: str | None
    is_doubtful: bool
    made_at: datetime
    wait_s: float


def post(address: Address, said: Said) -> str:
    """Post a message and return its ts; of one that was posted before, that one's.

    Raises
    ------
    StepFailed
        If Slack refuses for good.
    TransientError
        If Slack is away or busy: the next call goes on from here.
    """
    thread = address.thread_ts

    def send(client: Slack, sending: _Sending) -> str:
        return client.post(address.channel, said, sending.delivery_id, thread)

    def find(client: Slack, sending: _Sending) -> str | None:
        oldest_s = sending.made_at.timestamp() - CLOCK_SKEW_S
        return client.find(address.channel, sending.delivery_id, thread, oldest_s)

    return _deliver(address, send, find)


def show(address: Address, picture: Picture) -> str:
    """Show a picture in a thread and return the message's ts, or empty while Slack works on it.

    Its name becomes unique to the delivery: files carry no metadata, so it is found by its name.

    Raises
    ------
    StepFailed, TransientError
        As :func:`post`.
    """

    def named(sending: _Sending) -> str:
        stem, _, suffix = picture.name.rpartition(".")
        return f"{stem}-{sending.delivery_id[:8]}.{suffix}"

    def send(client: Slack, sending: _Sending) -> str:
        mine = Picture(named(sending), picture.content, picture.title, picture.alt_text)
        client.upload(address.channel, mine, address.thread_ts)
        return find(client, sending) or ""

    def find(client: Slack, sending: _Sending) -> str | None:
        return client.find_picture(address.channel, named(sending), address.thread_ts)

    return _deliver(address, send, find)


def _deliver(
    address: Address,
    send: Callable[[Slack, _Sending], str],
    find: Callable[[Slack, _Sending], str | None],
) -> str:
    client = slack()
    if client is None:
        raise StepFailed("slack.token is not set")
    sending = _begin(address)
    if sending.sent_ts is not None:
        return sending.sent_ts
    try:
        ts = find(client, sending) if sending.is_doubtful else None
        if ts is None:
            time.sleep(sending.wait_s)  # Slack takes one message a second for each channel
            ts = send(client, sending)
            failpoint("slack_posted")
    except SlackBusyError as error:
        _note(sending, "pending", error)
        raise
    except SlackRefusedError as error:
        _note(sending, "dead", error)
        raise StepFailed(str(error)) from None
    except TransientError as error:
        _note(sending, "sending", error)
        raise
    with transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == sending.id)
            .values(state="sent", ts=ts, sent_at=func.now(), last_error=None)
        )
    log.info("slack.sent", kind=address.kind, key=address.key, was_found=sending.is_doubtful)
    return ts


def _begin(address: Address) -> _Sending:
    """Write that a message is on its way, before it is."""
    with transaction() as session:
        session.execute(insert(Delivery).values(**vars(address)).on_conflict_do_nothing())
        row = session.scalars(
            select(Delivery)
            .where(
                Delivery.channel == address.channel,
                Delivery.kind == address.kind,
                Delivery.key == address.key,
            )
            .with_for_update()
        ).one()
        is_sent = row.state == "sent"
        sending = _Sending(
            row.id,
            str(row.delivery_id),
            (row.ts or "") if is_sent else None,
            row.state == "sending",
            row.created_at,
            0 if is_sent else _reserve(session, address.channel),
        )
        if not is_sent:
            row.state, row.attempts = "sending", row.attempts + 1
            row.updated_at = _now(session, sending.wait_s)
    return sending


def _reserve(session: Session, channel: str) -> float:
    """Return how long to wait before this worker's turn in a channel [s].

    Each delivery notes its turn, so that workers of all processes queue up; the lock lasts until
    the turn is written.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"slack.{channel}"))))
    last_turn = (
        select(func.max(Delivery.updated_at))
        .where(Delivery.channel == channel, Delivery.state.in_(("sending", "sent")))
        .scalar_subquery()
    )
    since_s = session.scalar(select(func.extract("epoch", func.clock_timestamp() - last_turn)))
    if since_s is None:
        return 0.0
    return max(0.0, config().slack.message_interval_s - float(since_s))


def _now(session: Session, later_s: float) -> datetime:
    later = func.make_interval(0, 0, 0, 0, 0, 0, later_s)
    found: datetime = session.execute(select(func.clock_timestamp() + later)).scalar_one()
    return found


def _note(sending: _Sending, state: str, error: Exception) -> None:
    with transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == sending.id)
            .values(state=state, last_error=shortened(str(error)))
        )
