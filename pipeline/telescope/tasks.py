"""Celery tasks of the telescope bus: send, and look at what is due."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from broker.celery import task
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
_SWEEP_LOCK = "telescope.sweep"

log = structlog.get_logger(__name__)


@task(SEND, queue=QUEUE)
def send(telescope: str) -> None:
    """Send what a telescope is asked for; a second copy waits for the row, or finds none."""
    send_all(telescope)


@task("telescope.sweep", queue=QUEUE, every_s=SWEEP_EVERY_S)
def sweep() -> None:
    """End what has passed its deadline, look for what was not confirmed, ring for what waits."""
    with transaction() as session:
        if not ledger.may_sweep(session, _SWEEP_LOCK):
            return
        settle(session, _due(session))
        lost, waiting = _lost(session), _waiting(session)
    for command_id in lost:
        _try(recover, command_id)
    for name in waiting:  # whoever was rung for it is busy with others: a command soon expires
        _try(send_all, name)


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


def _lost(session: Session) -> list[str]:
    """Return the commands whose senders' leases are over."""
    statement = select(TelescopeCommand.command_id).where(
        TelescopeCommand.state == "sending", TelescopeCommand.lease_until < datetime.now(UTC)
    )
    return list(session.scalars(statement.limit(AT_ONCE)))


def _waiting(session: Session) -> list[str]:
    """Return the telescopes with commands that have waited for a while to be sent."""
    before = datetime.now(UTC) - timedelta(seconds=WAITED_S)
    statement = select(TelescopeCommand.telescope).where(
        TelescopeCommand.state == "requested", TelescopeCommand.created_at < before
    )
    return list(session.scalars(statement.distinct()))
