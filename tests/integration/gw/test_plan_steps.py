"""Plans as rows: made in groups, stored, stopped, tried again; every end clears the notice's flag."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from pipeline.gw import plan_process, plan_rows, planner, steps
from pipeline.gw.plan_job import RESULT_FILE, PlannedTile, PlanResult, RemovedTile, read_job
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanGroup, GwPlanTile, GwTelescopeOutage
from pipeline.gw.tables import GwStep
from tests.gw_rows import make_map, make_notice, make_plan, make_step, make_tile
from tests.integration.gw import test_steps
from tests.integration.gw.test_hosts import TABLE

pytestmark = pytest.mark.integration

START = datetime(2024, 11, 2, 17, 26, 37, tzinfo=UTC)
TILE = PlannedTile(
    rank_id=1,
    tile_id=10080,
    ra_deg=345.1,
    dec_deg=41.75,
    probability=0.25,
    cumulative_probability=0.25,
    start=START,
    end=START + timedelta(seconds=30),
    exposure_s=30.0,
    filter="r",
    airmass=1.1,
)
RESULT = PlanResult(
    telescope="TCA",
    strategy="tiling",
    scheduler="greedy_slew",
    tiles=(TILE,),
    probability=0.25,
    area_deg2=3.6,
)
WRITES = "import pathlib, sys; pathlib.Path(sys.argv[1], sys.argv[2]).write_text(sys.argv[3])"


@pytest.fixture
def alert(session):
    sky_map = make_map(session, distance_mpc=364.0, distance_std_mpc=54.0)
    return make_notice(session, skymap_id=sky_map.id, event_class="BBH", is_process_running=True)


@pytest.fixture(autouse=True)
def _home(set_up, tmp_path, bells, session, monkeypatch):
    set_up(home=tmp_path)
    session.execute(text(TABLE))  # an empty catalog of galaxies
    monkeypatch.setattr(planner, "is_here", lambda: True)


@pytest.fixture
def program(monkeypatch):
    """Say what runs in place of the plan's process."""

    def give(code=WRITES, *arguments):
        given = arguments or (RESULT_FILE, RESULT.model_dump_json())
        monkeypatch.setattr(
            plan_process,
            "command",
            lambda folder: (sys.executable, "-c", code, str(folder), *given),
        )

    give()
    return give


def do(session, name):
    """Do the first step of that name that is wanted, and return it as it is then."""
    wanted = (GwStep.step == name, GwStep.state == "wanted")
    step_id = session.scalars(select(GwStep.id).where(*wanted).order_by(GwStep.id)).first()
    session.execute(update(GwStep).where(GwStep.id == step_id).values(not_before=func.now()))
    steps.run(step_id, "worker")
    session.expire_all()
    return session.get_one(GwStep, step_id)


@pytest.fixture
def planned(session, alert):
    """A notice whose default groups have their rows."""
    make_step(session, step="plans", id_gw=alert.id_gw)
    assert do(session, "plans").state == "done"
    return alert


def plan_of(session, telescope):
    return session.scalars(
        select(GwPlan).where(GwPlan.telescope == telescope).order_by(GwPlan.id.desc())
    ).first()


def cancel_all_but(session, telescope):
    """Leave one plan."""
    others = select(GwPlan.id).where(GwPlan.telescope != telescope)
    keys = [str(number) for number in session.scalars(others)]
    session.execute(update(GwPlan).where(GwPlan.id.in_(others)).values(state="cancelled"))
    mine = (GwStep.step == "plan", GwStep.key.in_(keys))
    session.execute(update(GwStep).where(*mine).values(state="cancelled"))


def test_a_run_makes_the_groups_of_the_settings_and_a_step_for_each_telescope(session, planned):
    groups = session.scalars(select(GwPlanGroup).order_by(GwPlanGroup.position)).all()

    assert [group.telescopes for group in groups] == [
        ["TCH", "TRE"],
        ["TCA", "FZU-CTA-N"],
        ["FZU-Auger", "UBAI-T60S"],
        ["KAO", "COLIBRI"],
    ]
    assert session.scalar(select(func.count()).where(GwStep.step == "plan")) == 8
    assert planned.is_process_running


def test_a_notice_without_a_map_is_not_planned_and_runs_nothing(session):
    alert = make_notice(session, is_process_running=True)
    make_step(session, step="plans", id_gw=alert.id_gw)

    assert do(session, "plans").state == "skipped"
    assert not alert.is_process_running


def test_a_telescope_that_is_out_is_skipped_with_the_reason(session, alert):
    until = datetime.now(UTC) + timedelta(days=1)
    session.add(GwTelescopeOutage(telescope="TCA", reason="snow", until_at=until, reported_by="A"))
    make_step(session, step="plans", id_gw=alert.id_gw)

    do(session, "plans")

    assert plan_of(session, "TCA").state == "skipped"
    assert plan_of(session, "TCA").reason.endswith("UTC: snow")


def test_a_plan_that_is_done_is_stored_with_its_tiles(session, planned, program):
    cancel_all_but(session, "TCA")

    assert do(session, "plan").state == "done"

    plan = plan_of(session, "TCA")
    tile = session.scalars(select(GwPlanTile)).one()
    assert (plan.state, plan.tile_count, plan.probability) == ("done", 1, 0.25)
    assert (tile.plan_id, tile.tile_id, tile.start_at) == (plan.id, 10080, START)
    assert session.get(GwPlanGroup, plan.group_id).state == "done"
    assert not planned.is_process_running
    follow = set(session.scalars(select(GwStep.step).where(GwStep.id_gw == planned.id_gw)))
    assert {"upload", "all_file"} <= follow


def test_a_plan_without_tiles_is_done_and_says_why(session, planned, program):
    cancel_all_but(session, "TCA")
    empty = RESULT.model_copy(update={"tiles": (), "reason": "no dark time in the window"})
    program(WRITES, RESULT_FILE, empty.model_dump_json())

    do(session, "plan")

    plan = plan_of(session, "TCA")
    assert (plan.state, plan.tile_count, plan.reason) == ("done", 0, "no dark time in the window")


def test_what_the_independent_check_removed_is_stored_and_logged(session, planned, program, caplog):
    cancel_all_but(session, "TCA")
    removed = (RemovedTile(tile_id=7, start=START, why="Sun at -3.0°"),)
    program(WRITES, RESULT_FILE, RESULT.model_copy(update={"removed": removed}).model_dump_json())

    do(session, "plan")

    assert [row["tile_id"] for row in plan_of(session, "TCA").removed_rows] == [7]
    [line] = [text for text in caplog.messages if "plan.row_removed" in text]
    assert "Sun at -3.0°" in line


def test_a_plan_that_is_refused_fails_at_once_and_its_neighbours_go_on(session, planned, program):
    program("import sys; print('plan: gwemopt ships no grid X.tess'); sys.exit(3)")

    assert do(session, "plan").state == "failed"

    plan = plan_of(session, "TCH")
    assert (plan.state, plan.reason) == ("failed", "gwemopt ships no grid X.tess")
    assert planned.is_process_running
    assert plan_of(session, "TRE").state == "wanted"


def test_the_flag_is_cleared_when_the_last_plan_fails(session, planned, program):
    cancel_all_but(session, "TCA")
    program("raise SystemExit(3)")

    do(session, "plan")

    assert not planned.is_process_running
    assert session.get(GwPlanGroup, plan_of(session, "TCA").group_id).state == "failed"


def test_a_plan_that_crashes_is_tried_three_times(session, planned, program):
    cancel_all_but(session, "TCA")
    program("import os; os.abort()")

    states = [do(session, "plan").state for _ in range(3)]

    assert states == ["wanted", "wanted", "failed"]
    assert plan_of(session, "TCA").state == "failed"
    assert "SIGABRT" in plan_of(session, "TCA").reason


@pytest.mark.parametrize("place", test_steps.KILLED_AT)
def test_whoever_follows_a_dead_planner_stores_one_plan(
    session, planned, program, monkeypatch, place
):
    def die(name):
        if name == place:
            raise test_steps.Died

    cancel_all_but(session, "TCA")
    with monkeypatch.context() as patch:
        patch.setattr(steps, "failpoint", die)
        with pytest.raises(test_steps.Died):
            do(session, "plan")
    past = func.now() - timedelta(seconds=1)
    is_mine = GwStep.step == "plan", GwStep.state != "cancelled"
    session.execute(update(GwStep).where(*is_mine).values(lease_until=past))
    step_id = session.scalars(select(GwStep.id).where(*is_mine)).one()

    steps.run(step_id, "next")
    session.expire_all()

    assert session.get_one(GwStep, step_id).state == "done"
    assert plan_of(session, "TCA").state == "done"
    assert len(session.scalars(select(GwPlanTile)).all()) == 1
    follow = select(GwStep.step).where(GwStep.step.in_(("upload", "all_file")))
    assert sorted(session.scalars(follow)) == ["all_file", "upload"]
    assert not planned.is_process_running


def test_a_plan_that_is_superseded_while_it_runs_is_killed_and_stays_so(
    session, planned, program, monkeypatch
):
    cancel_all_but(session, "TCA")
    program("import time; time.sleep(600)")
    noted = plan_rows.note_start

    def supersede(plan_id, pid):
        noted(plan_id, pid)
        session.execute(update(GwPlan).where(GwPlan.id == plan_id).values(state="superseded"))

    monkeypatch.setattr(plan_rows, "note_start", supersede)

    assert do(session, "plan").state == "skipped"
    assert plan_of(session, "TCA").state == "superseded"
    assert session.get(GwPlanGroup, plan_of(session, "TCA").group_id).state == "superseded"
    assert session.scalars(select(GwPlanTile)).all() == []
    assert not planned.is_process_running


def test_a_plan_that_was_done_before_is_not_made_again(session, planned, program):
    cancel_all_but(session, "TCA")
    session.execute(update(GwPlan).where(GwPlan.telescope == "TCA").values(state="done"))
    program("raise SystemExit('it ran')")

    assert do(session, "plan").state == "skipped"
    assert plan_of(session, "TCA").state == "done"


def test_tiles_that_somebody_took_are_left_out_of_the_next_plan(
    session, planned, program, tmp_path
):
    earlier = make_plan(
        session, session.get(GwPlanGroup, plan_of(session, "TCA").group_id), generation=9
    )
    tile = make_tile(session, earlier, ra_deg=10.5, dec_deg=-3.0)
    session.add(GwClaim(plan_id=earlier.id, telescope="TCA", tile_id=tile.id, claimed_by="A"))
    session.execute(update(GwPlan).where(GwPlan.id == earlier.id).values(state="done"))
    mine = session.scalars(
        select(GwPlan.id).where(GwPlan.telescope == "TCA", GwPlan.state == "wanted")
    ).one()
    cancel_all_but(session, "TCA")

    do(session, "plan")

    job = read_job(tmp_path / "plans" / str(mine))
    assert [(each.ra_deg, each.dec_deg) for each in job.observed] == [(10.5, -3.0)]


def test_a_second_run_leaves_running_plans_alone_and_counts_generations(session, planned):
    session.execute(update(GwPlan).where(GwPlan.telescope == "TCA").values(state="done"))
    make_step(session, step="plans", id_gw=planned.id_gw, key="replan-2")

    do(session, "plans")

    assert plan_of(session, "TCA").generation == 2
    assert plan_of(session, "TRE").generation == 1
    assert session.scalar(select(func.max(GwPlanGroup.run))) == 2


def test_a_plan_by_itself_begins_an_hour_from_now_and_lasts_a_day(session, planned):
    group = session.scalars(select(GwPlanGroup)).first()

    assert group.window_end - group.window_start == timedelta(hours=24)
    waits = group.window_start - datetime.now(UTC)
    assert timedelta(minutes=50) < waits <= timedelta(hours=1)
