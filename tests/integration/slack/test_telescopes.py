"""What telescopes were asked for because of an event ends with it."""

import json

import pytest

from broker.sections.telescope import BEAM
from pipeline.telescope import ledger
from pipeline.telescope.tables import TelescopeCommand
from tests.integration.telescope.conftest import asked

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_retraction_takes_unsent_commands_back(take, work, session, set_up, monkeypatch):
    monkeypatch.setattr(ledger, "enqueue", lambda *_: True)
    set_up(NIGHTJAR_TELESCOPES=json.dumps({"beam": BEAM.model_dump()}))
    take()
    work()
    name, other = asked("beam", trigger_id="S260102ab"), asked("beam", trigger_id="S260102ac")

    take("RETRACTION", minute=9)
    work(also=["withdraw"])

    session.expire_all()
    assert session.get(TelescopeCommand, name).state == "cancelled"
    assert session.get(TelescopeCommand, other).state == "requested"
