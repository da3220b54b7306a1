"""The Celery task of what people press in Slack; the sweeper of ``tasks`` rings for it as well."""

from typing import Any

from broker.celery import task
from pipeline import ledger
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.tasks import ACT_QUEUE, ACT_TASK


@task(ACT_TASK, queue=ACT_QUEUE, bind=True, when_lost=ledger.free_lost_of(GwSlackAction))
def do_action(self: Any, action_id: int) -> None:
    """Do what one click asks for; a second copy finds it claimed."""
    from pipeline.gw import act  # noqa: PLC0415 workers of other queues need no Slack

    act.run(action_id, self.request.id)
