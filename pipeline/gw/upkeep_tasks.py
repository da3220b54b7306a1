"""What beat asks for in GW follow-up: logs of the shift, warnings to operators, clean-up."""

from broker.celery import task
from pipeline.gw import cleanup, logbook

LOGBOOKS_EVERY_S = 60
WARN_EVERY_S = 60
CLEAN_UP_EVERY_S = 3600


@task("gw.write_logbooks", queue="sinks", every_s=LOGBOOKS_EVERY_S)
def write_logbooks() -> None:
    """Bring the logs of living events up to date on OwnCloud; the same log is written once."""
    logbook.write_logbooks()


@task("gw.warn_operators", queue="notify", every_s=WARN_EVERY_S)
def warn_operators() -> None:
    """Warn of messages that could not be read; the same cause is told once an hour."""
    from pipeline.gw import bad_notices  # noqa: PLC0415 workers of other queues need no Slack

    bad_notices.warn()


@task("gw.clean_up", queue="upkeep", every_s=CLEAN_UP_EVERY_S)
def clean_up() -> None:
    """Throw away what policy says; what is gone is not looked for again."""
    cleanup.clean_up()
