"""What is thrown away, and what is not."""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from broker import celery
from pipeline.gw import cleanup
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.grb_tables import GcnNotice, GrbAlert
from pipeline.gw.plan_process import SCRATCH_PREFIX
from pipeline.gw.steps import Done
from pipeline.gw.tables import GwAlert, GwSkymap
from tests.gw_rows import held, make_group, make_map, make_notice, make_plan, make_step

NOW = datetime.now(UTC)
MONTH_AGO = NOW - timedelta(days=31)


@pytest.fixture
def home(set_up, tmp_path):
    set_up(home=tmp_path, gw__notice_dir=tmp_path / "notices")
    (tmp_path / "plans/7").mkdir(parents=True)
    (tmp_path / "plans/7/tiles_TCA.txt").write_bytes(b"# TCA\n")
    return tmp_path


@pytest.fixture
def notice(session):
    return make_notice(session)


@pytest.fixture
def plan(session, notice, home):
    return make_plan(session, make_group(session, notice), folder="plans/7")


def upload(session, plan, state):
    return make_step(session, id_gw=plan.id_gw, step="upload", key=str(plan.id), state=state)


@pytest.mark.parametrize("step", ["upload", "report"])
@pytest.mark.parametrize("state", ["wanted", "running"])
def test_files_on_their_way_stay_however_old(session, plan, home, step, state):
    make_step(session, id_gw=plan.id_gw, step=step, key=str(plan.id), state=state)
    cleanup.clean_up()

    assert (home / "plans/7/tiles_TCA.txt").exists()


def test_files_of_a_failed_upload_stay(session, plan, home):
    upload(session, plan, "failed")
    cleanup.clean_up()

    assert (home / "plans/7/tiles_TCA.txt").exists()


@pytest.mark.parametrize("state", ["done", "skipped", "cancelled", None])
def test_other_files_go_after_their_time(session, plan, home, state):
    if state:
        upload(session, plan, state)
    cleanup.clean_up()

    assert not (home / "plans/7").exists()
    session.refresh(plan)
    assert plan.folder is None
    cleanup.clean_up()


def test_files_of_young_plans_stay_wherever_else_they_lie(session, notice, home):
    plan = make_plan(session, make_group(session, notice), folder="plans/7", ended_at=NOW)
    upload(session, plan, "done")
    cleanup.clean_up()

    assert (home / "plans/7/tiles_TCA.txt").exists()
    session.refresh(plan)
    assert plan.folder == "plans/7"


def test_what_only_the_process_needed_goes_when_the_plans_have_ended(notice, plan, home):
    for name in ("job.json", "skymap.fits", "log.txt"):
        (home / "plans/7" / name).write_bytes(b"x")

    for _ in range(2):
        assert cleanup.cleanup(held(notice, "cleanup")) == Done()

    assert [path.name for path in (home / "plans/7").iterdir()] == ["tiles_TCA.txt"]


@pytest.mark.parametrize("folder", ["..", "gw/../..", "."])
def test_nothing_outside_home_goes(session, notice, plan, home, folder):
    (home.parent / "job.json").write_bytes(b"x")
    plan.folder = folder
    session.flush()
    cleanup.cleanup(held(notice, "cleanup"))
    cleanup.clean_up()

    assert (home / "plans/7/tiles_TCA.txt").exists()
    assert (home.parent / "job.json").exists()


def test_old_folders_that_no_plan_names_go(session, plan, home):
    for name in ("8", "9"):
        (home / "plans" / name).mkdir()
    for name in ("7", "8"):
        then_s = time.time() - cleanup.SCRATCH_AGE_S - 60
        os.utime(home / "plans" / name, (then_s, then_s))

    assert cleanup.remove_scratch(home / "plans") == 1
    assert {path.name for path in (home / "plans").iterdir()} == {"7", "9"}


@pytest.mark.usefixtures("session", "home")
def test_scratch_folders_of_killed_workers_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{SCRATCH_PREFIX}1"
    left.mkdir()
    then_s = time.time() - cleanup.SCRATCH_AGE_S - 60
    os.utime(left, (then_s, then_s))

    cleanup.clean_up()

    assert not left.exists()


def test_a_worker_that_starts_removes_what_dead_ones_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, living = (tmp_path / f"{SCRATCH_PREFIX}{name}" for name in ("dead", "living"))
    for folder in (dead, living):
        folder.mkdir()
    then_s = time.time() - cleanup.DEAD_AFTER_S - 60
    os.utime(dead, (then_s, then_s))

    assert cleanup.remove_left_scratch in celery._starting
    cleanup.remove_left_scratch()

    assert not dead.exists()
    assert living.exists()


def test_clicks_that_led_to_no_notice_go_after_a_year(session, notice, home):
    long_ago = NOW - timedelta(days=366)
    for key, state, id_gw, ended_at in (
        ("refused", "done", None, long_ago),
        ("young", "done", None, NOW),
        ("open", "wanted", None, None),
        ("of a notice", "done", notice.id_gw, long_ago),
    ):
        values = {"key": key, "state": state, "id_gw": id_gw, "ended_at": ended_at}
        session.add(GwSlackAction(action_id="follow_up", user_id="U0TEAM", **values))
    session.flush()
    cleanup.clean_up()

    left = session.scalars(select(GwSlackAction.key).order_by(GwSlackAction.key)).all()
    assert left == ["of a notice", "open", "young"]


def test_maps_of_mocks_go_but_the_newest(session, home, set_up):
    set_up(gw__mock_maps_kept=2)
    old = NOW - timedelta(hours=2)
    maps = [make_map(session, sha256=str(n), created_at=old) for n in range(6)]
    make_map(session, sha256="on its way")
    kinds = ["mock", "mock", "mock", "mock", "real", "mock"]
    for n, (kind, row) in enumerate(zip(kinds, maps, strict=True)):
        make_notice(
            session, reception_count=n + 1, payload_sha256=str(n), kind=kind, skymap_id=row.id
        )
    joint = make_notice(
        session, reception_count=9, payload_sha256="9", combined_skymap_id=maps[0].id
    )
    cleanup.clean_up()

    left = set(session.scalars(select(GwSkymap.sha256)))
    assert left == {"0", "3", "4", "5", "on its way"}
    session.refresh(joint)
    assert joint.combined_skymap_id == maps[0].id


def test_rows_of_mocks_and_tests_go_after_a_month(session, home):
    for n, (kind, received_at) in enumerate(
        [("mock", MONTH_AGO), ("test", MONTH_AGO), ("mock", NOW), ("real", MONTH_AGO)]
    ):
        make_notice(
            session,
            reception_count=n + 1,
            payload_sha256=str(n),
            kind=kind,
            received_at=received_at,
        )
    cleanup.clean_up()

    assert list(session.scalars(select(GwAlert.reception_count).order_by(GwAlert.id_gw))) == [3, 4]


def test_packets_of_tests_go_after_a_month(session, home):
    for n, (role, received_at) in enumerate(
        [("test", MONTH_AGO), ("test", NOW), ("observation", MONTH_AGO)]
    ):
        packet = {"trigger_id": "1", "mission": "swift", "packet_type": 61, "xml_payload": ""}
        row = {"reception_count": n, "ivorn": str(n), "role": role, "received_at": received_at}
        session.add(GrbAlert(**packet | row))
    session.flush()
    cleanup.clean_up()

    assert list(session.scalars(select(GrbAlert.ivorn).order_by(GrbAlert.ivorn))) == ["1", "2"]


def test_messages_of_other_missions_go_after_a_year(session, home):
    for key, age in (("old", 366), ("new", 364)):
        received_at = NOW - timedelta(days=age)
        session.add(GcnNotice(topic="t", key=key, payload={}, received_at=received_at))
    session.flush()
    cleanup.clean_up()

    assert list(session.scalars(select(GcnNotice.key))) == ["new"]


def test_notice_files_go_after_a_year(session, home):
    (home / "notices").mkdir()
    then_s = time.time() - 366 * 86_400
    (home / "notices/S1a_1_UPDATE.json").write_bytes(b"{}")
    os.utime(home / "notices/S1a_1_UPDATE.json", (then_s, then_s))
    cleanup.clean_up()

    assert list((home / "notices").iterdir()) == []
