"""Celery task that makes partitions of ``alerts`` ahead of time."""

import structlog
from sqlalchemy import text

from broker.celery import task
from broker.db import cursor, lock, transaction
from pipeline.alerts import partitions

EVERY_S = 3600
LOCK = "nightjar.alert_partitions"
ANALYZE_S = 300

log = structlog.get_logger(__name__)


@task("alerts.make_partitions", queue="upkeep", every_s=EVERY_S)
def make_partitions() -> None:
    """Make what is missing; a second copy finds the lock taken."""
    with lock(LOCK) as is_mine:
        if is_mine:
            make_missing()


def make_missing(most_moved: int = partitions.MOST_MOVED) -> list[str]:
    """Make the partitions that are missing, each in its own transaction; return their names.

    None where ``alerts`` is still one table. A lock that is not had within 4 s is tried for again
    with the next ring: ingest must not wait behind it for longer.
    """
    with transaction() as session:
        cur = cursor(session)
        missing = partitions.missing(cur) if partitions.is_parted(cur) else []
    for partition in missing:
        with transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '4s'"))
            moved = partitions.make(cursor(session), partition, most_moved)
        log.info("alerts.partition_made", partition=partition.name, moved=moved)
    if missing:
        with transaction(statement_timeout_s=ANALYZE_S) as session:  # autovacuum never does
            session.execute(text("ANALYZE alerts"))
    return [partition.name for partition in missing]
