"""Beat's side of the watch."""

from datetime import UTC, datetime

from broker.celery import task
from broker.django_tasks import rows_of_django

LOOK_EVERY_S = 300
LISTEN_EVERY_S = 30


@task("watch.tell", queue="notify", every_s=LOOK_EVERY_S)
def tell() -> None:
    """Tell of the morning and of alarms what is due; what is told is not told again."""
    from pipeline.watch import tell as telling  # noqa: PLC0415 workers of other queues need no Slack

    with rows_of_django():
        telling.tell(datetime.now(UTC))


@task("watch.telescopes", queue="notify", every_s=LISTEN_EVERY_S)
def telescopes() -> None:
    """Tell of telescopes that fall silent, and that are heard again; each once."""
    from pipeline.watch import telescopes as silence  # noqa: PLC0415 as above

    silence.tell(datetime.now(UTC))
