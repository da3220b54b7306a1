"""Beat's side of the watch."""

from datetime import UTC, datetime

from broker.celery import task
from broker.django_tasks import rows_of_django

LOOK_EVERY_S = 300


@task("watch.tell", queue="notify", every_s=LOOK_EVERY_S)
def tell() -> None:
    """Tell of the morning and of alarms what is due; what is told is not told again."""
    from pipeline.watch import tell as telling  # noqa: PLC0415 workers of other queues need no Slack

    with rows_of_django():
        telling.tell(datetime.now(UTC))
