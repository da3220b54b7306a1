"""Celery's side of the mails."""

from broker.celery import task
from broker.django_tasks import rows_of_django

SEND = "mail.send"
QUEUE = "notify"
SWEEP_EVERY_S = 15


@task(SEND, queue=QUEUE)
def send(mail_id: int) -> None:
    """Send one mail; safe to repeat: a mail that is not due, or gone, is left alone."""
    with rows_of_django():
        from accounts import mail

        mail.send(mail_id)


@task("mail.sweep", queue=QUEUE, every_s=SWEEP_EVERY_S)
def sweep() -> None:
    """Ring for the mails whose bell was lost; safe to repeat, as sending is."""
    with rows_of_django():
        from accounts import mail

        mail.sweep()
