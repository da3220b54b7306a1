"""What waits in tables of flows, as facts for Prometheus: files, messages, telescopes."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import func, select

from broker import metrics
from broker.config import config
from broker.db import transaction
from broker.metrics_facts import Source, Told
from pipeline.gw.tables import Delivery
from pipeline.s3 import query
from pipeline.telescope import board
from pipeline.telescope.record import telescopes
from pipeline.telescope.tables import TelescopeCommand

STATEMENT_S = 5


def sources() -> tuple[Source, ...]:
    """Return what is asked, by the settings."""
    files = (Source("files", unsynced),) if config().s3.bucket else ()
    bus = (Source("telescopes", of_telescopes),) if config().telescopes else ()
    return (*files, Source("deliveries", deliveries), *bus)


def unsynced() -> Iterator[Told]:
    """Yield how many files of each kind are late for S3."""
    for kind, count in query.late_by_kind().items():
        yield Told(metrics.UNSYNCED, count, (kind,))


def deliveries() -> Iterator[Told]:
    """Yield how many messages of each kind are on their way, or wait for it."""
    waits = Delivery.state.in_(("pending", "sending"))
    counted = select(Delivery.kind, func.count().filter(waits)).group_by(Delivery.kind)
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        rows = session.execute(counted).all()
    for kind, count in rows:
        yield Told(metrics.DELIVERIES, count, (kind,))


def of_telescopes() -> Iterator[Told]:
    """Yield how long telescopes are silent, and the commands that wait for somebody to decide."""
    now = datetime.now(UTC)
    with transaction(statement_timeout_s=STATEMENT_S) as session:
        counted = (
            select(TelescopeCommand.telescope, func.count())
            .where(TelescopeCommand.state == "unknown")
            .group_by(TelescopeCommand.telescope)
        )
        unknown = {name: count for name, count in session.execute(counted)}  # noqa: C416 rows are no tuples to mypy
        for each in telescopes():
            yield Told(metrics.COMMANDS_UNKNOWN, unknown.get(each.name, 0), (each.name,))
            heard = [one.heard_at for one in board.health(session, each, now) if one.heard_at]
            if heard and board.accepts_commands(session, each.name):
                silent_s = (now - min(heard)).total_seconds()
                yield Told(metrics.TELESCOPE_SILENT, max(0.0, silent_s), (each.name,))
