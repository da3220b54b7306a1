"""Tasks of users' filters."""

import structlog

from broker.celery import enqueue, task
from broker.django_tasks import rows_of_django
from pipeline.user_filters import cleaning, trial

TRIALS = "trials"
TRY = "user_filters.try_out"
SWEEP_EVERY_S = 10
TELL_EVERY_S = 60
CLEAN_EVERY_S = 3600
AT_ONCE = 20

log = structlog.get_logger(__name__)


@task(TRY, queue=TRIALS)
def try_out(trial_id: int) -> None:
    """Try an expression on a night; safe to repeat: the row decides."""
    trial.run(trial_id)


@task("user_filters.sweep_trials", queue="upkeep", every_s=SWEEP_EVERY_S)
def sweep_trials() -> None:
    """Ring again for trials that nobody works on."""
    for trial_id in trial.due(AT_ONCE):
        enqueue(TRY, TRIALS, trial_id)


@task("user_filters.tell", queue="notify", every_s=TELL_EVERY_S)
def tell() -> None:
    """Tell owners of pauses and of nights."""
    from pipeline.user_filters import digest, pause_mail  # noqa: PLC0415 others need no Slack

    with rows_of_django():
        pause_mail.tell()
        digest.tell()


@task("user_filters.clean", queue="upkeep", every_s=CLEAN_EVERY_S)
def clean() -> None:
    """Delete what is too old, and what belongs to nobody any more."""
    log.info("user_filters.cleaned", **cleaning.clean())


def ring(trial_id: int) -> None:
    """Ring for a trial; call it after the commit."""
    enqueue(TRY, TRIALS, trial_id)
