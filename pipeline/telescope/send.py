"""Put commands on their topics, in order, each once; find out what became of unconfirmed ones.

A row is leased before anything is written, and the end of its topic noted. Whoever finds a lease
over reads the topic from there: what is found was sent, what is not found nobody knows, and an
operator decides. No command is written twice without one.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from nightjar_telescope import TelescopeCommand as Command
from nightjar_telescope.avro import PREFIX
from nightjar_telescope.schema import milliseconds
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka import Cluster, own_connection
from broker.kafka_once import TIMEOUT_S, UncertainError, read_between, write_once
from broker.kafka_types import Message
from broker.outages import OUTAGES
from pipeline.ledger import shortened
from pipeline.telescope import board
from pipeline.telescope.codec import REFUSALS, codec
from pipeline.telescope.record import RecordError, telescope
from pipeline.telescope.rows import drop, open_cancel
from pipeline.telescope.running import START
from pipeline.telescope.settle import locked, settle
from pipeline.telescope.tables import TelescopeCommand
from pipeline.telescope.topics import COMMANDS_DAYS
from pipeline.telescope.wish import restored

SENDER = "nightjar"
LEASE_S = 30
PARTITION = 0
AT_ONCE = 100
"""Commands that one task sends; the sweeper rings again for the others."""
_ONE_BYTE = 64
"""Avro writes lengths below it in one byte."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Lease:
    """A command that this process sends now.

    Attributes
    ----------
    row : TelescopeCommand
        As it was when it was leased.
    delivery_id : str
        Of this try; whoever has another one changes nothing.
    """

    row: TelescopeCommand
    delivery_id: str


def send_all(name: str) -> int:
    """Send what a telescope is asked for, oldest first; return how many commands were tried.

    One that is being sent holds up those behind it, so that a cancel never overtakes its start.

    Raises
    ------
    TransientError
        If Kafka or the registry is away; nothing was written.
    """
    for tried in range(AT_ONCE):
        lease = _lease(name)
        if lease is None:
            return tried
        _send(lease)
    return AT_ONCE


def recover(command_id: str) -> None:
    """Find out whether a command is on its topic whose sender's lease is over.

    Raises
    ------
    TransientError
        If Kafka is away; the next sweep looks again.
    """
    with transaction() as session:
        row = session.get(TelescopeCommand, command_id)
    if row is None or row.state != "sending" or not _is_over(row):
        return
    if row.noted_offset is None:
        _give_back(Lease(row, row.owner or ""), "its sender ended before it began")
        return
    found = _find(row)
    with transaction() as session:
        mine = _mine(session, Lease(row, row.owner or ""))
        if mine is None or not _is_over(mine):  # its sender was slow, and has written it since
            return
        if found is None:
            _become_unknown(mine)
        else:
            _become_sent(session, row.command_id, *found)


def _is_over(row: TelescopeCommand) -> bool:
    return row.lease_until is not None and row.lease_until < datetime.now(UTC)


def _lease(name: str) -> Lease | None:
    """Take the oldest command that waits, unless one before it is being sent.

    No start of a telescope that accepts none is taken; its cancels are.
    """
    command, now = TelescopeCommand, datetime.now(UTC)
    is_expired = and_(command.state == "requested", command.receive_by <= now)
    with transaction() as session:  # of its own: rows are locked in the order of their ids
        expired = select(command.command_id).where(command.telescope == name, is_expired)
        settle(session, session.scalars(expired).all())
    with transaction() as session:
        theirs = [command.telescope == name, is_expired.is_not(True)]
        if not board.accepts_commands(session, name):
            theirs.append(or_(command.state == "sending", command.command_type != START))
        row = session.scalar(
            select(command)
            .where(*theirs, command.state.in_(("requested", "sending")))
            .order_by(command.created_at, command.command_id)
            .limit(1)
            .with_for_update()
        )
        if row is None or row.state != "requested":
            return None
        row.state, row.owner = "sending", str(uuid.uuid4())
        row.noted_offset, row.due_at = None, None
        row.lease_until = _in_s(LEASE_S)
        session.flush()
        session.refresh(row)
        return Lease(row, row.owner)


def _send(lease: Lease) -> None:
    row = lease.row
    try:
        message = _message(lease)
        end = _end(message.topic)
    except (*OUTAGES, RecordError, *REFUSALS) as error:
        _give_back(lease, str(error))
        raise
    except Exception as error:
        log.exception("command.not_made", telescope=row.telescope, command_id=row.command_id)
        _set_aside(lease, f"not sent: {error!r}")
        return
    began_s = time.monotonic()
    if not _note_end(lease, end):
        return
    failpoint("command_noted")
    if time.monotonic() - began_s > LEASE_S - 2 * TIMEOUT_S:
        log.warning("command.held_up", command_id=row.command_id)  # frozen: somebody may look now
        return
    try:
        offset = write_once(own_connection(), message, PARTITION)
    except UncertainError as error:
        log.warning("command.uncertain", command_id=row.command_id, error=str(error))
        _remember(lease, str(error))
        return  # when the lease is over nothing of it can still arrive: then the topic is read
    failpoint("command_written")
    with transaction() as session:
        _become_sent(session, row.command_id, offset, datetime.now(UTC))
    log.info(
        "command.sent", telescope=row.telescope, command_id=row.command_id, kafka_offset=offset
    )


def _message(lease: Lease) -> Message:
    row = lease.row
    topic = telescope(row.telescope).commands
    command = Command(
        command_id=row.command_id,
        command_type=row.command_type,
        timestamp=milliseconds(datetime.now(UTC)),  # who ignores headers lets it expire by this
        observation_request=restored(row.request),
    )
    return Message(
        topic, row.command_id.encode(), codec().encode(command, topic), headers_of(row, lease)
    )


def headers_of(row: TelescopeCommand, lease: Lease) -> list[tuple[str, bytes]]:
    """Return what a command's message says beside its schema; readers may ignore all of it."""
    # A cancel never expires: it may as long as its topic keeps it.
    expires_at = row.receive_by or row.created_at + timedelta(days=COMMANDS_DAYS)
    said = {
        "telescope": row.telescope,
        "delivery_id": lease.delivery_id,
        "expires_at": str(milliseconds(expires_at)),
        "origin": row.origin,
        "trigger_id": row.trigger_id,
        "tile_id": row.tile_id,
        "filter": row.filter,
    }
    return [(name, text.encode()) for name, text in said.items() if text is not None]


def _end(topic: str) -> int:
    ends = Cluster(own_connection()).ends([(topic, PARTITION)])
    if (topic, PARTITION) not in ends:
        raise TransientError(f"Kafka has no topic {topic}: run manage.py create_topics")
    return ends[topic, PARTITION]


def _find(row: TelescopeCommand) -> tuple[int, datetime] | None:
    """Return where and when a command lies on its topic, behind the end noted; None: not there."""
    topic = telescope(row.telescope).commands
    begins = _beginning(row.command_id)
    first = row.noted_offset or 0
    group = f"{config().telescope.group_id}-"
    for packet in read_between(own_connection(), topic, PARTITION, first, _end(topic), group):
        if packet.value[PREFIX.size :].startswith(begins):
            return packet.offset, datetime.fromtimestamp(packet.timestamp_ms / 1000, UTC)
    return None


def _beginning(command_id: str) -> bytes:
    """Return what a command's Avro begins with: its id is the first field of every version."""
    text = command_id.encode()
    if len(text) >= _ONE_BYTE:
        raise ValueError(f"{command_id} is none of our ids")
    return bytes([2 * len(text)]) + text


def _note_end(lease: Lease, end: int) -> bool:
    """Note where the topic ends before a command is written; False when it may not be."""
    with transaction() as session:
        row = _mine(session, lease)
        if row is None or _is_taken_back(session, row):
            return False
        row.noted_offset, row.attempts = end, row.attempts + 1
        row.lease_until = _in_s(LEASE_S)
        return True


def _give_back(lease: Lease, error: str) -> None:
    """Let a command wait again of which nothing was written."""
    with transaction() as session:
        row = _mine(session, lease)
        if row is None:
            return
        row.last_error = shortened(error)
        if not _is_taken_back(session, row):
            row.state, row.owner, row.lease_until = "requested", None, None
            row.due_at = row.receive_by


def _set_aside(lease: Lease, error: str) -> None:
    """Leave a command to an operator of which no message can be made."""
    with transaction() as session:
        row = _mine(session, lease)
        if row is None:
            return
        row.last_error = shortened(error)
        if not _is_taken_back(session, row):
            _become_unknown(row)


def _is_taken_back(session: Session, row: TelescopeCommand) -> bool:
    """Return whether a start was cancelled since it was leased; then it is not sent any more.

    If nothing was ever written of it, both it and its cancel end here. If an earlier try may have
    been, the cancel must be sent.
    """
    cancel_id = open_cancel(session, row.command_id)
    if cancel_id is None:
        return False
    if row.attempts:
        _become_unknown(row)
        return True
    cancel = locked(session, [cancel_id])[cancel_id]  # made later: its id follows
    drop(session, row, cancel.requested_by, f"cancelled by {cancel_id} while it was being sent")
    drop(session, cancel, SENDER, f"{row.command_id} was never sent")
    return True


def _remember(lease: Lease, error: str) -> None:
    with transaction() as session:
        row = _mine(session, lease)
        if row is not None:
            row.last_error = shortened(error)


def _mine(session: Session, lease: Lease) -> TelescopeCommand | None:
    """Return the row, locked with what it cancels, while this lease holds it."""
    row = locked(session, [lease.row.command_id]).get(lease.row.command_id)
    is_mine = row is not None and row.state == "sending" and row.owner == lease.delivery_id
    return row if is_mine else None


def _become_sent(session: Session, command_id: str, offset: int, at: datetime) -> None:
    """Note that a command is on its topic; an acknowledgment may have said so already."""
    locked(session, [command_id])  # what it cancels first, as everybody locks them
    session.execute(
        update(TelescopeCommand)
        .where(TelescopeCommand.command_id == command_id)
        .values(
            kafka_offset=offset,
            sent_at=func.coalesce(TelescopeCommand.sent_at, at),
            owner=None,
            lease_until=None,
            last_error=None,
        )
    )
    settle(session, [command_id])


def _become_unknown(row: TelescopeCommand) -> None:
    log.warning("command.unknown", telescope=row.telescope, command_id=row.command_id)
    row.state, row.owner, row.lease_until, row.due_at = "unknown", None, None, None


def _in_s(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
