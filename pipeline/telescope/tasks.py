"""Celery tasks of the telescope bus: send, and look at what is due."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from broker.celery import PRIORITY_AGAIN, enqueue, is_heard, task
from broker.config import config
from broker.db import transaction
from broker.outages import OUTAGES
from pipeline import ledger
from pipeline.telescope.codec import REFUSALS
from pipeline.telescope.ledger import QUEUE, SEND
from pipeline.telescope.record import RecordError
from pipeline.telescope.send import recover, send_all
from pipeline.telescope.settle import settle
from pipeline.telescope.tables import TelescopeCommand, TelescopeStatus

SWEEP_EVERY_S = 5
AT_ONCE = 500
WAITED_S = 3
TIDY_EVERY_S = 3600
TIDY_ROWS = 50_000
CATCH_UP = "telescope.catch_up"
_SWEEP_LOCK = "telescope.sweep"

log = structlog.get_logger(__name__)


@task(SEND, queue=QUEUE)
def send(telescope: str) -> None:
    """Send what a telescope is asked for; a second copy waits for the row, or finds none."""
    send_all(telescope)


@task("telescope.sweep", queue=QUEUE, every_s=SWEEP_EVERY_S)
def sweep() -> None:
    """End what has passed its deadline; ring for what was not confirmed, and for what waits.

    It asks neither Kafka nor the registry: while they are away, deadlines end commands all the
    same.
    """
    with transaction() as session:
        if not ledger.may_sweep(session, _SWEEP_LOCK):
            return
        settle(session, _due(session))
        names = _held_up(session)
    if names and is_heard(QUEUE):  # what is rung for already is enough
        for name in names:
            enqueue(CATCH_UP, QUEUE, name, priority=PRIORITY_AGAIN)


@task(CATCH_UP, queue=QUEUE)
def catch_up(telescope: str) -> None:
    """Find out what became of a telescope's unconfirmed commands, and send what waits.

    What fails is not tried again here: the next sweep rings.
    """
    with transaction() as session:
        lost = _lost(session, telescope)
    for command_id in lost:
        _try(recover, command_id)
    _try(send_all, telescope)


@task("telescope.tidy", queue="upkeep", every_s=TIDY_EVERY_S)
def tidy() -> None:
    """Let old status messages go, some at a time; the newest of each component stays elsewhere."""
    before = datetime.now(UTC) - timedelta(days=config().telescope.statuses_days)
    old = select(TelescopeStatus.id).where(TelescopeStatus.received_at < before).limit(TIDY_ROWS)
    with transaction() as session:
        session.execute(delete(TelescopeStatus).where(TelescopeStatus.id.in_(old)))


def _try(do: Callable[[str], object], name: str) -> None:
    try:
        do(name)
    except (*OUTAGES, *REFUSALS, RecordError) as error:
        log.warning("telescope.not_swept", did=do.__name__, name=name, error=str(error)[:500])


def _due(session: Session) -> list[str]:
    """Return the commands whose deadline has passed."""
    statement = (
        select(TelescopeCommand.command_id)
        .where(TelescopeCommand.due_at < datetime.now(UTC))
        .order_by(TelescopeCommand.due_at)
        .limit(AT_ONCE)
    )
    return list(session.scalars(statement))


def _is_lost() -> ColumnElement[bool]:
    """Return the condition that the lease of a command's sender is over."""
    return and_(
        TelescopeCommand.state == "sending", TelescopeCommand.lease_until < datetime.now(UTC)
    )


def _lost(session: Session, telescope: str) -> list[str]:
    """Return a telescope's commands whose senders' leases are over."""
    statement = select(TelescopeCommand.command_id).where(
        TelescopeCommand.telescope == telescope, _is_lost()
    )
    return list(session.scalars(statement.limit(AT_ONCE)))


def _held_up(session: Session) -> list[str]:
    """Return the telescopes with commands that are lost, or have waited for a while to be sent."""
    before = datetime.now(UTC) - timedelta(seconds=WAITED_S)
    waits = and_(TelescopeCommand.state == "requested", TelescopeCommand.created_at < before)
    statement = select(TelescopeCommand.telescope).where(or_(_is_lost(), waits))
    return sorted(session.scalars(statement.distinct()))
