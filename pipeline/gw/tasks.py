"""Celery tasks of GW and GRB follow-up: one per queue for its steps, and the sweeper."""

from typing import Any

from broker.celery import enqueue, task
from broker.db import transaction
from pipeline import ledger
from pipeline.gw import steps
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.tables import GwStep

SWEEP_EVERY_S = 10
ACT_TASK = "gw.act"
ACT_QUEUE = "gw"
_SWEEP_LOCK = "gw.sweep"
_FREE_LOST = ledger.free_lost_of(GwStep)


@task("gw.step", queue="gw", bind=True, when_lost=_FREE_LOST)
def do_step(self: Any, step_id: int) -> None:
    """Do one step of a notice; a second copy finds it claimed."""
    steps.run(step_id, self.request.id)


@task("gw.tell", queue="notify", bind=True, when_lost=_FREE_LOST)
def tell(self: Any, step_id: int) -> None:
    """Do one step that tells people; a second copy finds it claimed."""
    steps.run(step_id, self.request.id)


@task("gw.share", queue="sinks", bind=True, when_lost=_FREE_LOST)
def share(self: Any, step_id: int) -> None:
    """Do one step that carries files; a second copy finds it claimed."""
    steps.run(step_id, self.request.id)


@task("gw.plan", queue="plans", bind=True, when_lost=_FREE_LOST)
def plan(self: Any, step_id: int) -> None:
    """Do one step that plans; a second copy finds it claimed."""
    steps.run(step_id, self.request.id)


@task("gw.sweep", queue="upkeep", every_s=SWEEP_EVERY_S)
def sweep() -> None:
    """Ring for steps and actions that nobody was told of, or whose worker died.

    Safe beside a second copy: one of them has the lock.
    """
    with transaction() as session:
        if not ledger.may_sweep(session, _SWEEP_LOCK):
            return
        bells = [steps.Bell(row.id, row.step) for row in ledger.take_due(session, GwStep)]
        actions = [row.id for row in ledger.take_due(session, GwSlackAction)]
    steps.ring(bells)
    for action_id in actions:
        enqueue(ACT_TASK, ACT_QUEUE, action_id)
