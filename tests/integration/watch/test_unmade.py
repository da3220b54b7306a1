"""A night that does not close, and a re-run that failed, are told of."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pipeline.selected import rerun
from pipeline.selected.runs import RunBook
from pipeline.selected.tables import SelectedAlert, SelectedRun
from pipeline.watch import alarms
from tests.integration.selected.world import EVENING, Consumer, packet, received

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched")]

NIGHT = EVENING.date()
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=7)


@pytest.fixture
def taker(session, root):
    """A night of one alert that nobody has closed."""
    made = Consumer()
    made.work(received(packet(1)))
    return made


def ran(session, taker, at, kind="collect"):
    """Note a run of that moment which wrote a row, so that nothing else is amiss."""
    book = RunBook(taker.target.id, kind, f"{kind}-selected")
    book.begin(at.date())
    book.end("done")
    times = {"started_at": at, "updated_at": at, "ended_at": at}
    session.execute(
        update(SelectedRun)
        .where(SelectedRun.slot == f"{kind}-selected")
        .values(read_count=1, written_count=1, **times)
    )
    session.commit()


def told(since=NOW - timedelta(days=1)):
    return [(each.source, each.reason, each.text) for each in alarms.look(since, NOW).alarms]


def test_a_night_that_a_run_behind_its_end_did_not_close_is_told(session, taker):
    ran(session, taker, MIDNIGHT + timedelta(hours=3))

    [(source, reason, text)] = told()

    assert (source, reason) == ("selected", "unmade")
    assert text.startswith("The night 2026-11-22 of selected is over")


@pytest.mark.parametrize("hours", [-1, 6], ids=["before its end", "just now"])
def test_a_night_that_nobody_could_have_closed_yet_is_not_told(session, taker, hours):
    ran(session, taker, MIDNIGHT + timedelta(hours=hours))

    assert told() == []


def test_a_night_that_waits_for_images_is_not_told(session, taker):
    waits = {"science_state": "wanted", "csv_seq": None}
    session.execute(update(SelectedAlert).values(**waits))
    ran(session, taker, MIDNIGHT + timedelta(hours=3))

    assert told() == []


def test_a_night_that_is_closed_is_not_told(session, taker):
    taker.now = MIDNIGHT + timedelta(hours=3)
    taker.work([])
    ran(session, taker, MIDNIGHT + timedelta(hours=3))

    assert told() == []


def test_a_rerun_that_failed_is_told_until_one_ends_well(session, taker, monkeypatch):
    taker.now = MIDNIGHT + timedelta(hours=3)
    taker.work([])
    ran(session, taker, MIDNIGHT + timedelta(hours=3))

    with monkeypatch.context() as patch:
        patch.setattr(rerun, "_write_table", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rerun.rerun(taker.target.id, NIGHT, "dora")
    [(_, reason, text)] = told()
    assert reason == "unmade"
    assert text.startswith("The files of 2026-11-22 of selected were not made again: ZeroDivision")

    rerun.rerun(taker.target.id, NIGHT, "dora")
    assert told() == []
