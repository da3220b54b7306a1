"""Celery's side of the topics of users' filters."""

from broker.celery import enqueue, task
from broker.django_tasks import rows_of_django

QUEUE = "accounts"
SETTLE = "accounts.filter_topics"
SETTLE_EVERY_S = 30
LOOK_EVERY_S = 120


@task(SETTLE, queue=QUEUE, every_s=SETTLE_EVERY_S)
def settle() -> None:
    """Make and delete topics as their rows say."""
    with rows_of_django():
        from accounts import filter_topics

        filter_topics.settle()


@task("accounts.filter_topics_lost", queue=QUEUE, every_s=LOOK_EVERY_S)
def look_after() -> None:
    """Want lost topics anew."""
    with rows_of_django():
        from accounts import filter_topics

        if filter_topics.look_after():
            filter_topics.settle()


def ring() -> None:
    """Ring for ``settle``; call it after the commit."""
    enqueue(SETTLE, QUEUE)
