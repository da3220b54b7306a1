"""What beat asks for in GW follow-up: logs of the shift brought up to date, old things removed."""

from broker.celery import task
from pipeline.gw import cleanup, logbook

LOGBOOKS_EVERY_S = 60
CLEAN_UP_EVERY_S = 3600


@task("gw.write_logbooks", queue="sinks", every_s=LOGBOOKS_EVERY_S)
def write_logbooks() -> None:
    """Bring the logs of living events up to date on OwnCloud; the same log is written once."""
    logbook.write_logbooks()


@task("gw.clean_up", queue="upkeep", every_s=CLEAN_UP_EVERY_S)
def clean_up() -> None:
    """Throw away what policy says; what is gone is not looked for again."""
    cleanup.clean_up()
