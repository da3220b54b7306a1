"""A notice's way to OwnCloud through its ledger, with the server away for a while."""

import pytest
from sqlalchemy import delete, select

from pipeline.gw import steps
from pipeline.gw.steps import Want
from pipeline.gw.tables import Delivery, GwStep
from tests.gw_rows import make_map, make_notice, run_all
from tests.standins.faulty import cut, status

FILES = {
    "Candidates/GW/S241102br/VOEVENTS/S241102br_1_PRELIMINARY.json",
    "Candidates/GW/S241102br/VOEVENTS/S241102br_1_PRELIMINARY.multiorder.fits",
}


@pytest.fixture
def notice(session, cloud, monkeypatch):
    """A notice whose folders are wanted."""
    monkeypatch.setattr(steps, "enqueue", lambda *_: None)
    made = make_notice(session, skymap_id=make_map(session).id)
    steps.want(session, [Want("folders", id_gw=made.id_gw)])
    return made


def states(session):
    """Return how far what needs OwnCloud is."""
    found = select(GwStep.step, GwStep.state, GwStep.attempts).order_by(GwStep.id)
    found = found.where(GwStep.step != "card_again")
    return [tuple(row) for row in session.execute(found)]


def test_folders_are_followed_by_the_notice(session, notice, cloud):
    run_all(session)

    assert states(session) == [("folders", "done", 1), ("share_notice", "done", 1)]
    assert set(cloud.files()) == FILES
    assert notice.owncloud_url in cloud.folders()


@pytest.mark.parametrize(
    ("method", "faults", "attempts"),
    [
        ("MKCOL", [status(503), status(500), status(423)], (4, 1)),
        ("PUT", [cut(3), status(429)], (1, 3)),
        ("MOVE", [status(502)], (1, 2)),
    ],
)
def test_a_server_that_comes_back_gets_everything_once(
    session, notice, cloud, method, faults, attempts
):
    cloud.faults[method] = faults
    run_all(session)

    assert [(state, tries) for _, state, tries in states(session)] == [
        ("done", tries) for tries in attempts
    ]
    assert set(cloud.files()) == FILES
    assert set(session.scalars(select(Delivery.key).where(Delivery.kind == "file"))) == FILES


def test_a_refused_login_costs_no_attempt(session, notice, cloud):
    cloud.faults["MKCOL"] = [status(401)] * 2
    run_all(session, rounds=12)
    assert states(session) == [("folders", "wanted", 0)]
    assert len(cloud.faults["MKCOL"]) == 1

    for _ in range(2):
        session.execute(delete(Delivery).where(Delivery.kind == "login"))
        run_all(session)
    assert states(session) == [("folders", "done", 1), ("share_notice", "done", 1)]


def test_a_server_that_stays_away_fails_the_step_for_people_to_retry(session, notice, cloud):
    cloud.faults["MKCOL"] = [status(503)] * 8
    run_all(session)

    assert states(session) == [("folders", "failed", 8)]
