"""Tasks of selected alerts."""

from datetime import UTC, date, datetime

import structlog

from broker.celery import enqueue, is_heard, task
from broker.config import config
from broker.db import transaction
from broker.host import host_queue, this_host
from pipeline.selected import rerun, retention_book, schedule
from pipeline.selected.retention_policy import Policy

RERUN, RERUN_ON, QUEUE = "selected.rerun", "selected.rerun_on", "sinks"
RERUN_BUDGET_S = 200.0
"""Of one task, well below the limit of its queue: the table is written behind it."""
RERUN_LOOK_S = 600
RETENTION, COLLECT = "retention.delete", "selected.collect"
COLLECT_LOOK_S = 60
RETENTION_LOOK_S = 300
RETENTION_BUDGET_S = 200.0
"""Of one task, well below the limit of its queue; what is left is taken up at the next ring."""

log = structlog.get_logger(__name__)


@task(RERUN, queue=QUEUE)
def make_again(selection_id: int, night: str, by: str) -> None:
    """Make the files of a night again; a second time gives the same bytes."""
    _make_some(selection_id, night, by, may_begin=True)


@task(RERUN_ON, queue=QUEUE)
def go_on_making(selection_id: int, night: str, by: str) -> None:
    """Make the next piece of a night; a ring that comes after the end does nothing."""
    _make_some(selection_id, night, by, may_begin=False)


def _make_some(selection_id: int, night: str, by: str, *, may_begin: bool) -> None:
    day = date.fromisoformat(night)
    try:
        has_more = rerun.rerun(selection_id, day, by, may_begin=may_begin, budget_s=RERUN_BUDGET_S)
    except rerun.RerunError as error:
        log.error("selected.not_made_again", why=str(error))  # noqa: TRY400 no trace: it says all
        return
    if has_more:
        enqueue(RERUN_ON, host_queue(this_host()), selection_id, night, by)


@task("selected.sweep_reruns", queue="upkeep", every_s=RERUN_LOOK_S)
def sweep_reruns() -> None:
    """Ring for the runs that a dead process or a lost bell left."""
    with transaction() as session:
        left = rerun.left(session, datetime.now(UTC))
    for each in left:
        if is_heard(queue := host_queue(each.host)):
            enqueue(RERUN_ON, queue, each.selection_id, each.night.isoformat(), each.by)


@task("selected.collect_due", queue="upkeep", every_s=COLLECT_LOOK_S)
def collect_due() -> None:
    """Ring for each source whose time has come, at the host that has its files."""
    with transaction() as session:
        found = schedule.due(session, datetime.now(UTC))
    for source, host in found:
        queue = host_queue(host) if host else QUEUE
        if is_heard(queue):
            enqueue(COLLECT, queue, source)


@task(COLLECT, queue=QUEUE)
def collect_source(source: str) -> None:
    """Collect a source that is due; a second time finds nothing new."""
    schedule.collect_now(source)


@task(RETENTION, queue=QUEUE)
def delete_expired() -> None:
    """Delete this host's files whose time is over; a second copy at the same time does nothing."""
    from pipeline.selected import retention  # noqa: PLC0415 workers of other queues need no boto3

    today = datetime.now(UTC).date()
    retention.run(Policy.of_settings(config()), today, budget_s=RETENTION_BUDGET_S)


@task("retention.sweep", queue="upkeep", every_s=RETENTION_LOOK_S)
def sweep_retention() -> None:
    """Ring, once its hour has come, at each host that has files whose time is over."""
    with transaction() as session:
        hosts = retention_book.hosts_to_ring(session, datetime.now(UTC))
    for host in hosts:
        if is_heard(queue := host_queue(host)):
            enqueue(RETENTION, queue)
