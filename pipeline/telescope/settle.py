"""Bring rows of commands to what their acknowledgments, cancels and deadlines amount to.

Whoever changes one of these calls ``settle`` in the same transaction: listener, sender, sweeper and
operators. It reads what is stored, and writes what the fold says; nothing depends on who was first.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from nightjar_telescope import CommandType
from sqlalchemy import select
from sqlalchemy.orm import Session

from broker import metrics
from broker.config import config
from pipeline.telescope.facts import Ack, Cancel, Facts, Limits, Outcome
from pipeline.telescope.fold import fold
from pipeline.telescope.record import RecordError, telescope
from pipeline.telescope.tables import (
    UNSENT_STATES,
    TelescopeAcknowledgment,
    TelescopeCommand,
)

CANCEL = CommandType.CANCEL_OBSERVATION.value

_ACK_COLUMNS = (
    TelescopeAcknowledgment.command_id,
    TelescopeAcknowledgment.telescope,
    TelescopeAcknowledgment.ack_id,
    TelescopeAcknowledgment.status,
    TelescopeAcknowledgment.timestamp,
    TelescopeAcknowledgment.source_application,
    TelescopeAcknowledgment.received_at,
    TelescopeAcknowledgment.progress_percent,
    TelescopeAcknowledgment.estimated_completion_time,
    TelescopeAcknowledgment.error_code,
)

log = structlog.get_logger(__name__)


class Settled(NamedTuple):
    """A command that is looked at: its row, what it was folded from, and what that amounts to."""

    row: TelescopeCommand
    acks: Sequence[Ack]
    outcome: Outcome


def limits() -> Limits:
    """Return the deadlines of the settings."""
    bus = config().telescope
    return Limits(
        start_within_s=bus.start_within_s,
        finish_factor=bus.finish_factor,
        finish_margin_s=bus.finish_margin_s,
        estimate_margin_s=bus.estimate_margin_s,
        cancel_within_s=bus.cancel_within_s,
    )


def settle(
    session: Session, command_ids: Collection[str], now: datetime | None = None
) -> dict[str, Settled]:
    """Fold commands, and what they cancel, and write what has changed.

    Parameters
    ----------
    session : Session
        Of an open transaction; the rows are locked in it, in the order of their ids.
    command_ids : collection of str
        Those that are no command of ours are passed over.
    now : datetime, optional
        Deadlines before it have passed; this moment when not given.

    Returns
    -------
    dict of str to Settled
        By ``command_id``; what they cancel as well.
    """
    now = now or datetime.now(UTC)
    rows = locked(session, command_ids)
    acks = _acks(session, rows.values())
    found: dict[str, Settled] = {}
    # A cancel first: what it has come to is a fact of what it cancels.
    for is_cancel in (True, False):
        some = [row for row in rows.values() if (row.command_type == CANCEL) is is_cancel]
        cancels = {} if is_cancel else _cancels(session, [row.command_id for row in some])
        for row in some:
            said = acks[row.command_id]
            _fill_sent(row, said)
            facts = facts_of(row, cancels.get(row.command_id, ()))
            outcome = fold(facts, said, now)
            _write(row, outcome)
            found[row.command_id] = Settled(row, said, outcome)
        session.flush()
    return found


def locked(session: Session, command_ids: Collection[str]) -> dict[str, TelescopeCommand]:
    """Return the rows of commands and of what they cancel, locked until the transaction ends."""
    wanted = set(command_ids)
    cancelled = select(TelescopeCommand.cancels).where(
        TelescopeCommand.command_id.in_(wanted), TelescopeCommand.cancels.is_not(None)
    )
    wanted |= {each for each in session.scalars(cancelled) if each is not None}
    rows = session.scalars(
        select(TelescopeCommand)
        .where(TelescopeCommand.command_id.in_(wanted))
        .order_by(TelescopeCommand.command_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.command_id: row for row in rows}


def facts_of(row: TelescopeCommand, cancels: Sequence[Cancel]) -> Facts:
    """Return what the fold wants to know of a row."""
    is_dropped = row.sent_at is None and row.state == "cancelled"
    # One that expired unsent is folded again like any other that waits.
    unsent = row.state if row.state in UNSENT_STATES else "requested"
    return Facts(
        published=unsent if row.sent_at is None else "sent",
        dropped_at=row.finished_at if is_dropped else None,
        is_cancel=row.command_type == CANCEL,
        integration_s=float(row.request["integration_time"]),
        sent_at=row.sent_at,
        receive_by=row.receive_by,
        required=_required(row.telescope),
        cancels=cancels,
        limits=limits(),
    )


def ack_of(row: Any) -> Ack:
    """Return a row of ``TelescopeAcknowledgment``, or its columns, as the fold takes it."""
    return Ack(
        ack_id=row.ack_id,
        status=row.status,
        timestamp_ms=row.timestamp,
        application=row.source_application,
        arrived_at=row.received_at,
        progress_percent=row.progress_percent,
        estimate_ms=row.estimated_completion_time,
        error_code=row.error_code,
    )


def _required(name: str) -> frozenset[str]:
    """Return the applications that count; a telescope whose record is gone has none."""
    try:
        return telescope(name).required
    except RecordError:
        return frozenset()


def _acks(session: Session, rows: Iterable[TelescopeCommand]) -> Mapping[str, list[Ack]]:
    """Return the acknowledgments of commands, those from another telescope's topic left out."""
    theirs = {row.command_id: row.telescope for row in rows}
    found: dict[str, list[Ack]] = defaultdict(list)
    # Columns, not objects: an observation may be told of every second.
    stored = session.execute(
        select(*_ACK_COLUMNS).where(TelescopeAcknowledgment.command_id.in_(theirs))
    )
    for each in stored:
        if each.telescope == theirs[each.command_id]:
            found[each.command_id].append(ack_of(each))
    return found


def _cancels(session: Session, command_ids: Collection[str]) -> dict[str, list[Cancel]]:
    """Return what has become of the cancels of commands."""
    found: dict[str, list[Cancel]] = defaultdict(list)
    rows = session.execute(
        select(
            TelescopeCommand.cancels, TelescopeCommand.state, TelescopeCommand.finished_at
        ).where(TelescopeCommand.cancels.in_(command_ids))
    )
    for cancels, state, finished_at in rows:
        found[str(cancels)].append(Cancel(state, finished_at))
    return found


def _fill_sent(row: TelescopeCommand, acks: Sequence[Ack]) -> None:
    """Note that a command was sent whose sender did not live, or was not told, to say so."""
    if row.sent_at is None and acks and row.state != "cancelled" and row.attempts:
        row.sent_at = min(each.arrived_at for each in acks)


def _write(row: TelescopeCommand, outcome: Outcome) -> None:
    before, is_heard = row.state, row.received_at is not None
    row.state, row.timeout_stage, row.ended_by = (
        outcome.state,
        outcome.timeout_stage,
        outcome.ended_by,
    )
    row.late_status, row.late_at = outcome.late_status, outcome.late_at
    row.received_at, row.started_at = outcome.received_at, outcome.started_at
    row.finished_at, row.due_at = outcome.finished_at, outcome.due_at
    row.start_by, row.finish_by = outcome.start_by, outcome.finish_by
    row.progress_percent, row.error_code = outcome.progress_percent, outcome.error_code
    if row.sent_at and row.received_at and not is_heard:
        taken_s = (row.received_at - row.sent_at).total_seconds()
        metrics.TELESCOPE_ACK.observe(max(0.0, taken_s))
    if row.state != before:
        metrics.TELESCOPE_COMMANDS.labels(row.telescope, row.state).inc()
        log.info(
            "command.settled",
            telescope=row.telescope,
            command_id=row.command_id,
            before=before,
            now=row.state,
            stage=row.timeout_stage,
        )
