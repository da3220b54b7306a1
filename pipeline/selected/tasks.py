"""Tasks of selected alerts."""

from datetime import date

import structlog

from broker.celery import task
from pipeline.selected import rerun, schedule

RERUN, QUEUE = "selected.rerun", "sinks"
COLLECT_LOOK_S = 60

log = structlog.get_logger(__name__)


@task(RERUN, queue=QUEUE)
def make_again(selection_id: int, night: str, by: str) -> None:
    """Make the files of a night again; a second time gives the same bytes."""
    try:
        rerun.rerun(selection_id, date.fromisoformat(night), by)
    except rerun.RerunError as error:
        log.error("selected.not_made_again", why=str(error))  # noqa: TRY400 no trace: it says all


@task("selected.collect_due", queue=QUEUE, every_s=COLLECT_LOOK_S)
def collect_due() -> None:
    """Collect the sources whose time has come; one that another process collects is left alone."""
    schedule.collect_due()
