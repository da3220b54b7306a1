"""Tasks of selected alerts."""

from datetime import date

import structlog

from broker.celery import task
from pipeline.selected import rerun

RERUN, QUEUE = "selected.rerun", "sinks"

log = structlog.get_logger(__name__)


@task(RERUN, queue=QUEUE)
def make_again(selection_id: int, night: str, by: str) -> None:
    """Make the files of a night again; a second time gives the same bytes."""
    try:
        rerun.rerun(selection_id, date.fromisoformat(night), by)
    except rerun.RerunError as error:
        log.error("selected.not_made_again", why=str(error))  # noqa: TRY400 no trace: it says all
