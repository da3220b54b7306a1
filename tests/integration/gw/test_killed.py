"""A process that carries a file to OwnCloud is killed with -9: whoever follows finishes it, once."""

import signal
import subprocess
import sys

import pytest
from sqlalchemy import select, update

from broker.config import ROOT
from broker.db import transaction
from pipeline.gw import steps
from pipeline.gw.tables import Delivery, GwStep
from tests.database import environment
from tests.gw_rows import make_notice, make_step

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLED_AT = ("file_put", "file_moved", "step_worked", "step_ended")
FILE = "Candidates/GW/S241102br/VOEVENTS/S241102br_1_PRELIMINARY.json"


@pytest.fixture
def step_id(database, cloud):
    """A notice that shall be shared."""
    with transaction() as session:
        return make_step(session, id_gw=make_notice(session).id_gw, step="share_notice").id


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_process_is_followed_by_one_that_leaves_one_file(
    database, cloud, step_id, monkeypatch, place
):
    run = f"from pipeline.gw import steps; steps.run({step_id}, 'doomed')"
    mortal = environment(database) | {"NIGHTJAR_TESTING__FAILPOINT": place}
    died = subprocess.run([sys.executable, "-c", run], cwd=ROOT, env=mortal, check=False)
    assert died.returncode == -signal.SIGKILL
    with transaction() as session:
        session.execute(update(GwStep).values(lease_until=GwStep.created_at))

    steps.run(step_id, "next")

    assert list(cloud.files()) == [FILE]
    with transaction() as session:
        assert session.scalars(select(GwStep.state)).all() == ["done"]
        assert session.scalars(select(Delivery.path)).all() == [FILE]
