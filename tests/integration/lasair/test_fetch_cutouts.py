"""``manage.py fetch_cutouts``: images now, of one night, and those that were given up."""

import pytest
from django.core.management import call_command
from sqlalchemy import select, update

from pipeline.lasair import stamps
from pipeline.lasair.tables import StampRequest
from pipeline.selected.tables import OutputFile
from pipeline.simulate.alerce import StandIn
from pipeline.simulate.serving import running
from tests.integration.lasair.test_stamps import IMAGES, JD, PAST, files, point_at, shown
from tests.lasair import alert, batch, reception

pytestmark = pytest.mark.integration


@pytest.fixture
def alerts(session, root, set_up, monkeypatch):
    """Two alerts of two nights that came while no images were wanted."""
    monkeypatch.setattr(stamps, "enqueue", lambda *_: None)
    set_up(lasair__cutouts="false")
    taker = reception()
    taker.take(batch(alert(), alert("ZTF18bbbbbbb", latest_detection=JD + 1)))
    taker.close()
    set_up(lasair__cutouts="true")


def states(session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(StampRequest.state).order_by(StampRequest.detected_at)))


def run(capsys, *words: str) -> str:
    call_command("fetch_cutouts", *words)
    return capsys.readouterr().out


def test_without_an_alert_nothing_is_done(session, root, capsys):
    assert run(capsys) == "0 requests worked, 0 of them new.\nNone.\n"


def test_alerts_that_nobody_asked_for_are_asked_for_now(session, root, set_up, alerts, capsys):
    both = [shown(IMAGES), shown(IMAGES, JD + 1, number=18)]
    with running(StandIn(lambda *_: both)) as standin:
        point_at(set_up, standin)
        first = run(capsys, "--night=2025-05-28")
        assert states(session) == ["done"]
        second = run(capsys)

    assert first == "1 requests worked, 1 of them new.\n1 done\n"
    assert second == "1 requests worked, 1 of them new.\n2 done\n"
    assert len(files(root / "images")) == 12


def test_what_was_missed_belongs_to_the_host_whose_table_has_it(
    session, root, set_up, alerts, capsys
):
    first = session.scalars(select(OutputFile).order_by(OutputFile.night)).first()
    first.host = "there"
    session.commit()

    assert run(capsys).startswith("1 requests worked, 2 of them new.")
    asked = select(StampRequest.host, StampRequest.state).order_by(StampRequest.detected_at)
    assert session.execute(asked).all() == [("there", "wanted"), ("here", "skipped")]


def test_what_was_given_up_is_named_and_tried_again_when_asked(
    session, root, set_up, alerts, capsys
):
    with running(StandIn(lambda *_: [])) as standin:
        point_at(set_up, standin)
        run(capsys)
        session.execute(update(StampRequest).values(not_before=PAST, looks=5))
        told = run(capsys)
    assert "2 failed" in told
    assert "ZTF18abcdefg 2025-05-28 12:00:00: failed, science absent, template absent" in told

    both = [shown(IMAGES), shown(IMAGES, JD + 1, number=18)]
    with running(StandIn(lambda *_: both)) as standin:
        point_at(set_up, standin)
        assert "0 requests worked" in run(capsys)
        run(capsys, "--missing")

    assert states(session) == ["done", "done"]


def test_what_was_given_up_begins_anew_and_what_rests_is_asked_for_now(
    session, root, set_up, alerts, capsys
):
    with running(StandIn(lambda *_: [])) as standin:
        point_at(set_up, standin)
        run(capsys)
        [given_up, rests] = session.scalars(select(StampRequest).order_by(StampRequest.id))
        given_up.state, given_up.looks = "failed", 6
        session.commit()
        assert run(capsys, "--missing").startswith("2 requests worked")

    session.expire_all()
    assert [(one.state, one.looks) for one in (given_up, rests)] == [("wanted", 1), ("wanted", 2)]
