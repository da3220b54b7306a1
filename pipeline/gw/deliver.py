"""Messages to Slack, each once: the row says what is on its way, the message carries the row's id.

A row goes pending → sending → sent. Whoever finds it ``sending`` cannot know whether the message
arrived, nor whether it still will: Slack may carry out a call that we have given up. So Slack is
searched for the row's id, and nothing is posted again within ``slack.doubt_s`` of the last attempt.
Nobody says how late is too late for Slack, so what was in doubt is looked for once more, long
afterwards, and a double is deleted (``remove_doubles``). A refusal for now puts a row back to
``pending``: nothing was posted. A refusal for good makes it ``dead``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker import metrics
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.logs import log
from pipeline.clients.slack import Picture, Said, Slack, slack
from pipeline.clients.slack_errors import SlackRefusedError, SlackUntouchedError
from pipeline.gw import steps
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, StepRestError, Wait, Want
from pipeline.gw.tables import Delivery
from pipeline.ledger import shortened

CLOCK_SKEW_S = 300
"""A message of a delivery is searched for from so long before the delivery's row was made: Slack's
clock is not ours."""
NO_DOUBLES = "no_doubles"
"""The step that looks for doubles; its key is ``deliveries.id``."""
LOOK_EVERY_S = 10.0
"""While a message is in doubt."""
LOOK_AGAIN_AFTER_S = 600.0
"""Once it is sent."""


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
    doubt_s: float
    attempts: int
    made_at: datetime


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

    def send(client: Slack, delivery_id: str) -> str:
        return client.post(address.channel, said, delivery_id, thread)

    return _deliver(address, send)


def show(address: Address, picture: Picture) -> str:
    """Show a picture in a thread; return its message's ts, or empty of one shown just now.

    Slack may take a while to show it.

    Raises
    ------
    StepFailed, TransientError
        As :func:`post`.
    """

    def send(client: Slack, delivery_id: str) -> str:
        client.upload(address.channel, picture, delivery_id, address.thread_ts)
        return ""

    return _deliver(address, send)


def is_sent(address: Address) -> bool:
    """Tell whether a message or picture has arrived."""
    with transaction() as session:
        return session.scalar(select(Delivery.state).where(*_of(address))) == "sent"


def is_settled(address: Address) -> bool:
    """Tell whether nothing is left to do: it has arrived, or Slack refused it for good."""
    with transaction() as session:
        return session.scalar(select(Delivery.state).where(*_of(address))) in {"sent", "dead"}


def was_tried(address: Address) -> bool:
    """Tell whether a message was on its way before: it may lie there, and say what was so then."""
    with transaction() as session:
        return bool(session.scalar(select(Delivery.attempts).where(*_of(address))))


def remove_doubles(step: Step) -> Outcome:
    """Delete what a delivery in doubt left beside its message; the step's key is its number."""
    with transaction() as session:
        row = session.get(Delivery, int(step.key))
        young_s = session.scalar(
            select(LOOK_AGAIN_AFTER_S - func.extract("epoch", func.now() - Delivery.sent_at)).where(
                Delivery.id == int(step.key)
            )
        )
    client = slack()
    if row is None or row.sent_at is None or young_s is None or client is None:
        return Skip("there is no such message")
    if young_s > 0:
        return Wait(float(young_s), "a call that Slack carries out late would not be there yet")
    try:
        found = left_by(client, row.channel, str(row.delivery_id), row.thread_ts, row.created_at)
        for ts in found:
            if ts != (row.ts or found[0]):
                client.delete(row.channel, ts)
                log.warning("slack.double_deleted", kind=row.kind, key=row.key, ts=ts)
    except SlackRefusedError as error:
        raise StepFailed(str(error)) from None
    return Done()


def _deliver(address: Address, send: Callable[[Slack, str], str]) -> str:
    client = slack()
    if client is None:
        raise StepFailed("slack.token is not set")
    sending = _look_up(address)
    if sending.sent_ts is not None:
        return sending.sent_ts
    ts = _find(client, address, sending) if sending.is_doubtful else None
    if ts is None:
        if sending.doubt_s > 0:
            rest_s = min(sending.doubt_s, LOOK_EVERY_S)
            raise StepRestError("Slack may still post what it was given before", rest_s)
        ts = _send(client, address, sending, send)
    with transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == sending.id)
            .values(state="sent", ts=ts, sent_at=func.now(), last_error=None)
        )
        if sending.is_doubtful and (address.id_gw or address.id_grb):  # a warning has no steps
            steps.want(session, [Want(NO_DOUBLES, address.id_gw, address.id_grb, str(sending.id))])
    log.info("slack.sent", kind=address.kind, key=address.key, was_in_doubt=sending.is_doubtful)
    return ts


def _find(client: Slack, address: Address, sending: _Sending) -> str | None:
    """Return the ts of what an earlier attempt left. While Slack cannot be asked, doubt stays."""
    try:
        found = left_by(
            client, address.channel, sending.delivery_id, address.thread_ts, sending.made_at
        )
    except SlackRefusedError as error:
        raise StepFailed(str(error)) from None
    return found[0] if found else None


def left_by(
    client: Slack, channel: str, delivery_id: str, thread_ts: str | None, made_at: datetime
) -> list[str]:
    """Return the ts of each message that a delivery left, the oldest first."""
    oldest_s = made_at.timestamp() - CLOCK_SKEW_S
    return client.find(channel, delivery_id, thread_ts or "", oldest_s)


def _send(
    client: Slack, address: Address, sending: _Sending, send: Callable[[Slack, str], str]
) -> str:
    time.sleep(_take_turn(sending, address.channel))
    try:
        ts = send(client, sending.delivery_id)
    except SlackUntouchedError as error:
        _note(sending, "pending", error)
        raise
    except SlackRefusedError as error:
        _note(sending, "dead", error)
        raise StepFailed(str(error)) from None
    except TransientError as error:
        _note(sending, "sending", error)
        raise
    failpoint("slack_posted")
    metrics.SLACK_POSTS.labels("sent").inc()
    return ts


def _look_up(address: Address) -> _Sending:
    """Return how far a delivery is; its row is made when it is first looked for."""
    in_doubt = func.extract("epoch", func.clock_timestamp() - Delivery.updated_at)
    with transaction() as session:
        session.execute(insert(Delivery).values(**vars(address)).on_conflict_do_nothing())
        row, tried_s_ago = session.execute(select(Delivery, in_doubt).where(*_of(address))).one()
        return _Sending(
            row.id,
            str(row.delivery_id),
            (row.ts or "") if row.state == "sent" else None,
            row.state == "sending",
            config().slack.doubt_s - float(tried_s_ago) if row.state == "sending" else 0.0,
            row.attempts,
            row.created_at,
        )


def _of(address: Address) -> tuple[Any, ...]:
    return (
        Delivery.channel == address.channel,
        Delivery.kind == address.kind,
        Delivery.key == address.key,
    )


def _take_turn(sending: _Sending, channel: str) -> float:
    """Write that a message is on its way, before it is; return how long to wait first [s].

    Raises
    ------
    StepRestError
        If another worker was faster: two steps of a group may tell the same.
    """
    with transaction() as session:
        wait_s = _reserve(session, channel)
        taken = session.scalar(
            update(Delivery)
            .where(Delivery.id == sending.id, Delivery.attempts == sending.attempts)
            .values(state="sending", attempts=Delivery.attempts + 1, updated_at=_in_s(wait_s))
            .returning(Delivery.id)
        )
    if taken is None:
        raise StepRestError("another worker sends it", LOOK_EVERY_S)
    return wait_s


def _reserve(session: Session, channel: str) -> float:
    """Return how long to wait before this worker's turn in a channel [s].

    Slack takes one message a second for each. Each delivery notes its turn, so that workers of all
    processes queue up; the lock lasts until the turn is written.
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


def _in_s(seconds: float) -> Any:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _note(sending: _Sending, state: str, error: Exception) -> None:
    """Note how an attempt ended; one that may still succeed is in doubt from now on."""
    metrics.SLACK_POSTS.labels("refused" if state == "dead" else "again").inc()
    with transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id == sending.id)
            .values(state=state, last_error=shortened(str(error)), updated_at=_in_s(0))
        )
