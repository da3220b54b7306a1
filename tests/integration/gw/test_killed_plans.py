"""A worker that makes plans is killed with -9 anywhere: whoever follows leaves each row once."""

import signal
import socket
import subprocess
import sys
from collections import Counter

import pytest
from sqlalchemy import func, select, update

from broker.config import ROOT
from broker.db import transaction
from pipeline.gw import cleanup, plan_process, planner, steps
from pipeline.gw.plan_job import RESULT_FILE
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.tables import GwAlert, GwStep
from tests.database import environment
from tests.gw_rows import make_group, make_map, make_notice, make_plan, make_step
from tests.integration.gw.test_plan_steps import RESULT, WRITES

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLED_AT = ("step_claimed", "step_worked", "step_before_done", "step_ended")
DOOMED = """
import sys
from pipeline.gw import plan_process, planner, steps
step_id, code, name, result = sys.argv[1:]
planner.is_here = lambda: True
plan_process.command = lambda folder: (sys.executable, "-c", code, str(folder), name, result)
steps.run(int(step_id), "doomed")
"""
NO_PROCESS = 2**22 + 1
"""Beyond what Linux numbers processes with (``pid_max``)."""


@pytest.fixture
def alert(database, set_up, tmp_path, monkeypatch):
    """A notice with a map; plans are made by a small program."""
    set_up(home=tmp_path)
    monkeypatch.setattr(steps, "enqueue", lambda *_: None)
    monkeypatch.setattr(planner, "is_here", lambda: True)
    monkeypatch.setattr(
        plan_process,
        "command",
        lambda folder: (sys.executable, "-c", WRITES, str(folder), *made()),
    )
    with transaction() as session:
        found = make_notice(session, skymap_id=make_map(session).id, is_process_running=True)
        return found.id_gw


def made():
    return RESULT_FILE, RESULT.model_dump_json()


@pytest.fixture
def kill(database, tmp_path):
    """Return a function that has a step done by a process that is killed, then by another."""

    def at(place, step_id):
        mortal = environment(database) | {
            "NIGHTJAR_HOME": str(tmp_path),
            "NIGHTJAR_TESTING__FAILPOINT": place,
        }
        arguments = [sys.executable, "-c", DOOMED, str(step_id), WRITES, *made()]
        died = subprocess.run(arguments, cwd=ROOT, env=mortal, check=False)
        assert died.returncode == -signal.SIGKILL
        with transaction() as session:
            mine = update(GwStep).where(GwStep.id == step_id)
            session.execute(mine.values(lease_until=GwStep.created_at))
        steps.run(step_id, "next")

    return at


def wanted_steps(session):
    return Counter(session.scalars(select(GwStep.step)))


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_run_has_each_group_and_plan_once(alert, kill, place):
    with transaction() as session:
        step = make_step(session, step="plans", id_gw=alert)

    kill(place, step.id)

    with transaction() as session:
        assert session.get_one(GwStep, step.id).state == "done"
        positions = session.scalars(select(GwPlanGroup.position).order_by(GwPlanGroup.id)).all()
        plans = session.scalar(select(func.count()).where(GwPlan.state == "wanted"))
        wanted = wanted_steps(session)
    assert positions == [1, 2, 3, 4]
    assert wanted["plan"] == plans > 0
    assert wanted["report"] == len(positions)


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_plan_is_stored_and_told_once(alert, kill, place):
    with transaction() as session:
        group = make_group(session, session.get_one(GwAlert, alert))
        plan = make_plan(session, group, state="wanted", ended_at=None)
        step = make_step(session, step="plan", id_gw=alert, key=str(plan.id))

    kill(place, step.id)

    with transaction() as session:
        assert session.get_one(GwPlan, plan.id).state == "done"
        assert session.scalar(select(func.count()).select_from(GwPlanTile)) == 1
        wanted = wanted_steps(session)
        assert (wanted["upload"], wanted["report"]) == (1, 1)
        assert not session.get_one(GwAlert, alert).is_process_running


def test_plans_of_a_pool_that_was_killed_whole_are_taken_up_when_a_worker_starts(session):
    alert = make_notice(session)
    group = make_group(session, alert)
    here = {"state": "running", "ended_at": None, "host": socket.gethostname()}
    lost = make_plan(session, group, pid=NO_PROCESS, **here)
    alive = make_plan(session, group, telescope="TRE", pid=1, **here)
    away = make_plan(session, group, telescope="TCH", pid=NO_PROCESS, **here | {"host": "another"})
    for plan in (lost, alive, away):
        make_step(
            session,
            step="plan",
            id_gw=alert.id_gw,
            key=str(plan.id),
            state="running",
            lease_until=func.now() + func.make_interval(0, 0, 0, 0, 1),
            ring_at=func.now() + func.make_interval(0, 0, 0, 0, 1),
        )
    session.commit()

    cleanup.free_lost_plans()

    due = session.scalars(select(GwStep.key).where(GwStep.ring_at <= func.now())).all()
    assert due == [str(lost.id)]
