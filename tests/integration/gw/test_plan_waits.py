"""Plans that were wanted before gwemopt was installed: they wait, say so, and are made then."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.gw import plan_process, plan_steps, planner
from pipeline.gw.plan_job import read_job
from pipeline.gw.plan_process import Ended
from pipeline.gw.steps import StepFailed, Wait
from tests.gw_rows import held, make_group, make_map, make_notice, make_plan

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


@pytest.fixture
def install(monkeypatch):
    """Say whether gwemopt is installed."""

    def set_(is_here):
        monkeypatch.setattr(planner, "is_here", lambda: is_here)

    set_(False)
    return set_


@pytest.fixture
def notice(session, set_up, tmp_path):
    set_up(home=tmp_path)
    return make_notice(session, skymap_id=make_map(session).id)


def wanted(session, notice, start, end):
    group = make_group(session, notice, window_start=start, window_end=end)
    return make_plan(session, group, state="wanted")


def make(notice, plan):
    return plan_steps.make(held(notice, "plan", str(plan.id)))


def test_a_plan_waits_and_says_for_what(session, notice, install):
    now = datetime.now(UTC)
    plan = wanted(session, notice, now - HOUR, now + HOUR)

    assert isinstance(make(notice, plan), Wait)
    session.refresh(plan)
    assert plan.state == "wanted"
    assert "gwemopt" in plan.reason


def test_a_plan_whose_window_is_over_has_failed(session, notice, install):
    now = datetime.now(UTC)
    plan = wanted(session, notice, now - 2 * HOUR, now - HOUR)

    with pytest.raises(StepFailed, match="make plans"):
        make(notice, plan)


def test_a_plan_that_has_waited_is_made_for_what_is_left(session, notice, install, monkeypatch):
    began = datetime.now(UTC)
    plan = wanted(session, notice, began - HOUR, began + HOUR)
    make(notice, plan)
    jobs = []

    def run(_argv, folder, _limits, started, **_):
        started(1)
        jobs.append(read_job(folder))
        return Ended("", "superseded", is_crash=False, duration_s=0.0)

    monkeypatch.setattr(plan_process, "run", run)
    install(True)
    make(notice, plan)

    session.refresh(plan)
    assert (plan.state, plan.reason) == ("running", None)
    assert began <= jobs[0].start < jobs[0].end == began + HOUR


def test_what_is_half_installed_is_not_here(monkeypatch, tmp_path):
    info = tmp_path / "gwemopt-0.4.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gwemopt\nVersion: 0.4.2\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    assert not planner.is_here()
    (info / "INSTALLER").write_text("pip\n")
    assert planner.is_here()
