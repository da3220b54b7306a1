"""One message after the other: stored once, buried with its reason, whatever dies in between."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from broker import failpoints
from broker.archive import ArchiveSegment
from broker.attempts import MessageAttempt
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.gw.arrival import Intake
from pipeline.gw.gcn_intake import GCN_JSON
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.intake import IGWN
from pipeline.gw.notices import MAX_NOTICE_BYTES
from pipeline.gw.reception import Reception
from pipeline.gw.tables import GwAlert, GwStep
from tests.gw_messages import notice, received, whole_sky

pytestmark = pytest.mark.integration

KILLED_AT = ("notice_counted", "notice_archived", "notice_stored")


ARRIVED_AT = datetime(2026, 11, 21, 20, 6, tzinfo=UTC)
"""Minutes after the notices were made: of an event of days ago nothing is to be done."""


class Died(BaseException):
    """What kill -9 is to a test of one process."""


def reception(intake: Intake = IGWN) -> Reception:
    return Reception(
        "igwn", intake, lambda _topic: "topic-id", topic_prefix="mirror.", clock=lambda: ARRIVED_AT
    )


@pytest.fixture
def die_at(monkeypatch):
    """Return a function that names the place where the next process dies."""

    def at(place: str) -> None:
        def die(name: str) -> None:
            if name == place:
                raise Died

        monkeypatch.setattr("pipeline.gw.reception.failpoint", die)

    return at


def letters(session: Session) -> list[tuple[str, int]]:
    found = session.execute(
        select(DeadLetter.reason, DeadLetter.source_offset).order_by(DeadLetter.id)
    )
    return [tuple(row) for row in found]


def counts(session: Session) -> tuple[int, int, int]:
    """Return how many notices, steps and open attempts there are."""
    return tuple(  # type: ignore[return-value] # three tables
        len(session.scalars(select(key)).all())
        for key in (GwAlert.id_gw, GwStep.id, MessageAttempt.id)
    )


def edited(**changes: object) -> bytes:
    return json.dumps(json.loads(notice()) | changes).encode()


BAD = {
    "too_large": b'"' + b"x" * MAX_NOTICE_BYTES + b'"',
    "not_json": b"\xff\xfe not JSON",
    "no_id": edited(superevent_id=None),
    "bad_time": edited(time_created="yesterday"),
    "event_missing": edited(event=None),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_notice_is_buried_and_the_next_one_stored(kinds, session, bells, archive, reason):
    taker = reception()

    assert taker.take(received(BAD[reason], 1)) is None
    assert taker.take(received(notice(), 2)) is not None

    assert letters(session) == [(reason, 1)]
    assert counts(session) == (1, 4, 0)


def test_a_notice_that_departs_from_the_schema_is_taken_with_a_warning(
    kinds, session, bells, archive, caplog
):
    assert reception().take(received(edited(alert_type="GUESS"), 1)) is not None
    assert reception().take(received(notice(), 2)) is not None

    odd, good = session.scalars(select(GwAlert).order_by(GwAlert.id_gw)).all()
    assert odd.state in {"current", "superseded"}
    assert odd.schema_problems.startswith("alert_type: not of enum")
    assert good.schema_problems is None
    assert [text for text in caplog.messages if "notice.off_schema" in text]


@pytest.mark.parametrize(
    ("skymap", "cause"),
    [
        (None, "no map"),
        ("%%%", "not base64"),
        ("bm8gZml0cw==", "cannot be used"),
    ],
    ids=["none", "no base64", "no FITS"],
)
def test_a_notice_without_a_usable_map_goes_on_and_says_why(
    kinds, session, bells, archive, skymap, cause
):
    reception().take(received(notice(skymap=skymap)))

    [row] = session.scalars(select(GwAlert))
    assert cause in row.skymap_error
    assert (row.skymap_id, row.area_90_deg2) == (None, None)
    assert letters(session) == []


def test_what_nobody_expected_costs_one_letter_with_its_trace(kinds, session, bells, archive):
    def broken(_raw: bytes, _topic: str) -> None:
        raise OSError("a file that the judge wanted")

    assert reception(Intake(broken, IGWN.store)).take(received(notice())) is None

    [letter] = session.scalars(select(DeadLetter))
    assert letter.reason == "unexpected"
    assert "in broken" in (letter.traceback or "")


def test_a_heartbeat_fills_no_archive(session, bells, archive):
    taker = Reception("gcn_json", GCN_JSON, lambda _topic: "topic-id")
    for second in range(3):
        taker.take(received(b'{"alert_datetime": "2026"}', second, topic="gcn.heartbeat"))
    taker.close()

    assert list(archive.rglob("*.seg*")) == []
    assert session.scalars(select(GcnNotice.source_offset)).all() == [2]
    assert session.scalars(select(GcnNotice.archive_segment_id)).all() == [None]
    assert counts(session) == (0, 0, 0)


@pytest.mark.parametrize("place", KILLED_AT)
def test_whoever_follows_a_dead_process_loses_and_doubles_nothing(
    kinds, session, bells, archive, die_at, place
):
    message = received(notice(skymap=whole_sky()))
    die_at(place)
    with pytest.raises(Died):
        reception().take(message)
    die_at("nowhere")

    assert reception().take(message) is not None

    assert counts(session) == (1, 5, 0)
    assert letters(session) == []


@pytest.mark.parametrize("place", KILLED_AT[:2])
def test_the_third_death_buries_a_notice(kinds, session, bells, archive, die_at, place):
    message = received(notice())
    die_at(place)
    for _ in range(3):
        with pytest.raises(Died):
            reception().take(message)
    die_at("nowhere")

    assert reception().take(message) is None
    assert reception().take(received(notice(), 1)) is not None

    assert letters(session) == [("worker_died", 0)]
    assert counts(session) == (1, 4, 0)


def test_a_server_that_was_away_is_no_death(kinds, session, bells, archive):
    away = [OperationalError("", {}, Exception("away")) for _ in range(9)]

    def store(mine, judged, arrival):
        if away:
            raise away.pop()
        return IGWN.store(mine, judged, arrival)

    taker, message = reception(Intake(IGWN.judge, store)), received(notice())
    for _ in range(9):
        with pytest.raises(OperationalError):
            taker.take(message)

    assert taker.take(message) is not None
    assert counts(session) == (1, 4, 0)
    assert len(list(archive.rglob("*.seg"))) == 1
    assert sum(file.stat().st_size for file in archive.rglob("*.seg")) == len(notice())


def test_a_broker_that_does_not_know_the_topic_now_decides_nothing(session, archive):
    def away(_topic: str) -> str:
        raise TransientError("no broker")

    with pytest.raises(TransientError):
        Reception("igwn", IGWN, away).take(received(notice()))


def test_the_bytes_are_archived_by_the_night_of_the_message(kinds, session, bells, archive):
    taker = reception()
    taker.take(received(notice(), topic="mirror.igwn.gwalert"))
    taker.close()

    [row] = session.scalars(select(GwAlert))
    [segment] = session.scalars(select(ArchiveSegment))
    assert segment.path.startswith("igwn/20261121/")
    assert (row.topic, row.source_offset, row.archive_segment_id) == ("igwn.gwalert", 0, segment.id)
    begin, end = row.archive_start, row.archive_start + row.archive_length
    assert (archive / segment.path).read_bytes()[begin:end] == notice()


def test_every_place_where_it_may_die_is_known():
    assert {*KILLED_AT, "notice_committed"} <= set(failpoints.FAILPOINTS)


def test_only_what_was_wanted_is_rung_for(kinds, session, bells, archive):
    reception().take(received(notice()))
    ids = session.scalars(text("SELECT id FROM gw_steps ORDER BY id")).all()

    assert bells == [("gw.step", "gw", step_id) for step_id in ids]
