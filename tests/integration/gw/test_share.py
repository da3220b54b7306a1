"""A notice's way to OwnCloud, on a real WebDAV server and real rows."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from broker.errors import TransientError
from pipeline.gw import plan_all, share
from pipeline.gw.share_files import PAUSE_S
from pipeline.gw.steps import Done, Skip, StepFailed, Wait, Want
from pipeline.gw.tables import Delivery, GwStep
from tests.gw_rows import held, make_group, make_map, make_notice, make_plan
from tests.standins.faulty import status
from tests.standins.webdav_server import PASSWORD

EVENT = "Candidates/GW/S241102br"
# The version-5 UUID of the sha256 in the OID namespace, worked out with hashlib.
OWN = f"{EVENT}/GWEMOPT/PRELIMINARY_0fed3dfea8af5a01af51204a50b6df0d"
NOTICE = f"{EVENT}/VOEVENTS/S241102br_1_PRELIMINARY"


def end(session, outcome):
    """Do what the ledger does with an outcome."""
    assert isinstance(outcome, Done)
    if outcome.record:
        outcome.record(session)
    session.flush()
    session.expire_all()


@pytest.fixture
def plan(session, set_up, tmp_path):
    """A done plan of TCA with its files."""
    set_up(home=tmp_path)
    group = make_group(session, make_notice(session))
    (tmp_path / "plans/7/plots").mkdir(parents=True)
    made = {"tiles_TCA.txt": b"# TCA\n", "plots/map.png": b"png", "job.json": b"{}"}
    for name, text in made.items():
        (tmp_path / "plans/7" / name).write_bytes(text)
    return make_plan(session, group, folder="plans/7")


def test_mocks_have_no_folder(session, cloud):
    notice = make_notice(session, trigger_id="MS241102br", kind="mock")

    for step in (share.folders, share.share_notice, share.upload):
        assert isinstance(step(held(notice, "x", "1")), Skip)
    assert cloud.asked == []


def test_mocks_have_folders_where_the_settings_say_so(session, cloud, set_up):
    set_up(owncloud__mocks=True)
    notice = make_notice(session, trigger_id="MS241102br", kind="mock")

    assert isinstance(share.folders(held(notice, "folders")), Done)
    assert any("MS241102br" in asked.path for asked in cloud.asked)


def test_without_an_address_nothing_is_done(session, plan):
    notice = make_notice(session, reception_count=2, payload_sha256="a")

    for step in (share.folders, share.share_notice, share.upload):
        assert step(held(notice, "x", str(plan.id))) == Skip("owncloud.url is not set")


def test_the_tree_of_an_event_is_made(session, cloud):
    notice = make_notice(session)
    outcome = share.folders(held(notice, "folders"))
    end(session, outcome)

    names = ("GWEMOPT", "IMAGES", "KNC_IMAGES", "LOGBOOK", "VOEVENTS")
    assert cloud.folders() >= {f"{EVENT}/{name}" for name in names} | {OWN}
    assert notice.owncloud_url == OWN
    assert outcome.then == [
        Want("share_notice", id_gw=notice.id_gw),
        Want("card_again", id_gw=notice.id_gw, key="folders"),
    ]


def test_a_tree_that_is_there_is_made_again_without_harm(session, cloud):
    notice = make_notice(session)
    share.folders(held(notice, "folders"))
    before = cloud.folders()
    session.query(Delivery).delete()

    assert isinstance(share.folders(held(notice, "folders")), Done)
    assert cloud.folders() == before


def test_a_notice_lies_there_with_its_map(session, cloud):
    notice = make_notice(session, skymap_id=make_map(session).id)
    share.share_notice(held(notice, "share_notice"))

    files = cloud.files()
    assert set(files) == {f"{NOTICE}.json", f"{NOTICE}.multiorder.fits"}
    assert files[f"{NOTICE}.multiorder.fits"] == b"SIMPLE  = T"
    assert json.loads(files[f"{NOTICE}.json"]) == {
        "superevent_id": "S241102br",
        "event": {"group": "CBC", "skymap": "U0lNUExFICA9IFQ="},
    }


def test_what_has_not_changed_is_not_sent_again(session, cloud):
    notice = make_notice(session, skymap_id=make_map(session).id)
    share.share_notice(held(notice, "share_notice"))
    cloud.asked.clear()
    share.share_notice(held(notice, "share_notice"))

    assert cloud.asked == []


def test_a_file_whose_record_was_lost_is_sent_again_and_is_the_same(session, cloud):
    notice = make_notice(session)
    share.share_notice(held(notice, "share_notice"))
    before = cloud.files()
    session.query(Delivery).delete()
    share.share_notice(held(notice, "share_notice"))

    assert cloud.files() == before


def test_files_that_arrived_before_the_trouble_are_not_sent_again(session, cloud):
    notice = make_notice(session, skymap_id=make_map(session).id)
    cloud.faults["MOVE"] = [lambda _, dav, *rest: dav(*rest), status(503)]
    with pytest.raises(TransientError):
        share.share_notice(held(notice, "share_notice"))
    cloud.asked.clear()
    share.share_notice(held(notice, "share_notice"))

    assert {asked.path.rpartition("/")[2] for asked in cloud.asked if asked.method == "PUT"} == {
        f".part-{first8(session)}-S241102br_1_PRELIMINARY.multiorder.fits"
    }


def test_a_slow_server_takes_a_file_in_each_round_until_all_are_there(session, cloud, monkeypatch):
    notice = make_notice(session, skymap_id=make_map(session).id)
    monkeypatch.setattr("pipeline.gw.share_files.BUDGET_S", -1.0)
    outcomes = [share.share_notice(held(notice, "share_notice")) for _ in range(2)]

    assert [type(each) for each in outcomes] == [Wait, Done]
    assert len({asked.path for asked in cloud.asked if asked.method == "PUT"}) == 2


def test_a_slow_server_makes_a_folder_in_each_round_until_all_are_there(
    session, cloud, monkeypatch
):
    notice = make_notice(session)
    monkeypatch.setattr("pipeline.gw.share_files.BUDGET_S", -1.0)
    outcomes = [share.folders(held(notice, "folders")) for _ in range(6)]

    assert [type(each) for each in outcomes] == [Wait] * 5 + [Done]
    assert cloud.folders() >= {OWN, f"{EVENT}/LOGBOOK"}


def first8(session):
    fits = Delivery.key.endswith(".fits")
    return session.scalar(select(Delivery.sha256).where(fits))[:8]


def test_a_plans_tables_and_pictures_lie_in_its_groups_folder(session, cloud, plan):
    notice = session.get(share.GwAlert, plan.id_gw)
    share.upload(held(notice, "upload", str(plan.id)))

    assert cloud.files() == {
        f"{OWN}/TILING_TCA_FZU-CTA-N/tiles_TCA.txt": b"# TCA\n",
        f"{OWN}/TILING_TCA_FZU-CTA-N/plots/map.png": b"png",
    }


def test_a_plan_made_on_another_machine_is_named(session, cloud, plan):
    plan.folder, plan.host = "plans/8", "worker-2"
    session.flush()

    with pytest.raises(StepFailed, match="made on worker-2"):
        share.upload(held(session.get(share.GwAlert, plan.id_gw), "upload", str(plan.id)))


@pytest.mark.parametrize("folder", [None, "gone"])
def test_a_plan_without_files_is_passed_over(session, cloud, plan, folder):
    plan.folder = None
    session.flush()
    key = "0" if folder else str(plan.id)

    assert isinstance(share.upload(held(session.get(share.GwAlert, plan.id_gw), "x", key)), Skip)


WITHOUT_LOGIN = [share.folders, share.share_notice, plan_all.write]


@pytest.mark.parametrize("work", WITHOUT_LOGIN)
def test_after_a_refused_login_nobody_logs_in_for_a_while(session, cloud, set_up, work):
    notice = make_notice(session)
    set_up(owncloud__password=f"not-{PASSWORD}")
    refused = share.folders(held(notice, "folders"))
    set_up(owncloud__password=PASSWORD)
    cloud.faults["MKCOL"] = cloud.faults["PUT"] = [status(500)] * 9  # for whoever asks after all

    assert refused == Wait(
        PAUSE_S, "OwnCloud: MKCOL Candidates/GW/S241102br/GWEMOPT: 401 Unauthorized"
    )
    assert work(held(notice, "later")) == refused


@pytest.mark.parametrize("work", WITHOUT_LOGIN)
def test_after_that_while_everything_goes_on(session, cloud, set_up, work):
    notice = make_notice(session)
    cloud.faults["MKCOL"] = [status(401)]
    assert isinstance(share.folders(held(notice, "folders")), Wait)
    past = func.now() - timedelta(seconds=PAUSE_S)
    session.execute(update(Delivery).where(Delivery.kind == "login").values(updated_at=past))

    assert isinstance(work(held(notice, "later")), Done)


def test_a_full_cloud_fails_the_step(session, cloud):
    cloud.faults["PUT"] = [status(507)]

    with pytest.raises(StepFailed, match="507 Insufficient Storage"):
        share.share_notice(held(make_notice(session), "share_notice"))
    assert session.scalar(select(func.count()).select_from(GwStep)) == 0
