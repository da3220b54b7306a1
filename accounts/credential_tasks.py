"""Tasks of the queue ``accounts``: what people want of Kafka, done and watched as ``admin``."""

from broker.celery import task
from broker.config import config
from broker.django_tasks import rows_of_django

SOFT_LIMIT_S, HARD_LIMIT_S = 25, 30
"""Of one credential; below the lease of ``accounts.claims``."""


@task("accounts.settle", queue="accounts", soft_time_limit=SOFT_LIMIT_S, time_limit=HARD_LIMIT_S)
def settle(credential_id: str, generation: int) -> None:
    """Bring Kafka to what one row says."""
    with rows_of_django():
        from accounts import settlement

        settlement.settle(credential_id, generation)


@task("accounts.sweep", queue="accounts", every_s=10)
def sweep() -> None:
    """Ring again for rows whose bell was lost or whose worker died."""
    with rows_of_django():
        from accounts import settlement

        settlement.sweep()


@task("accounts.reconcile", queue="accounts", every_s=config().accounts.reconcile_s)
def reconcile() -> None:
    """Compare our rows with Kafka's listings and repair what differs."""
    with rows_of_django():
        from accounts import reconcile as drift

        drift.reconcile()
