"""What telescopes were asked for because of an event ends with it.

A step of its own: neither Slack nor the telescope bus keeps the other from hearing of it.
"""

from sqlalchemy import select

from broker.db import transaction
from pipeline.gw.steps import Done, Outcome, Step
from pipeline.gw.tables import GwAlert
from pipeline.telescope.ledger import withdraw

WHY = "the event was retracted"


def withdraw_commands(step: Step) -> Outcome:
    """Drop what is not sent yet; what runs is cancelled only where the settings say so."""
    with transaction() as session:
        trigger_id = session.scalars(
            select(GwAlert.trigger_id).where(GwAlert.id_gw == step.id_gw)
        ).one()
    withdraw(trigger_id, "nightjar", WHY, is_automatic=True)
    return Done()
