"""Celery's side of what comes with time: forgetting, and reminders."""

import structlog

from broker.celery import task
from broker.django_tasks import rows_of_django

FORGET_EVERY_S = 3600
REMIND_EVERY_S = 3600

log = structlog.get_logger(__name__)


@task("accounts.forget_old", queue="accounts", every_s=FORGET_EVERY_S)
def forget_old() -> None:
    """Delete mails, codes, sessions, credentials and unconfirmed addresses past their time."""
    with rows_of_django():
        from accounts import expiry

        log.info("accounts.forgot_old", **expiry.forget_old())


@task("accounts.remind", queue="accounts", every_s=REMIND_EVERY_S)
def remind() -> None:
    """Write the mails that are due before tokens expire; a token that was told of is marked."""
    with rows_of_django():
        from accounts import reminders

        log.info("accounts.reminded", mails=reminders.remind())
