"""Batches of a topic: stored once, buried once, each told in the topic's own logs."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.dead_letters import DeadLetter
from broker.letter_packets import archived_packet
from pipeline.lasair import stamps
from pipeline.lasair.tables import LasairAlert, StampRequest
from tests.lasair import TOPIC, alert, batch, reception

pytestmark = pytest.mark.integration

LOGS = f"logs/lasair/{TOPIC.name}"


@pytest.fixture
def bells(monkeypatch):
    rung = []
    monkeypatch.setattr(stamps, "enqueue", lambda *ring: rung.append(ring))
    return rung


@pytest.fixture
def taker(session: Session, root: Path, bells):
    made = reception()
    yield made
    made.close()


def count(session: Session, table) -> int:
    return session.scalar(select(func.count()).select_from(table))


def lines(root: Path, name: str):
    path = root / LOGS / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_garbage_among_good_ones_is_buried_with_its_bytes_and_told(taker, session, root):
    taker.take(batch(b"no JSON", alert(), b"[1]", b'{"ramean": 1}', b""))

    assert count(session, LasairAlert) == 1
    letters = session.scalars(select(DeadLetter).order_by(DeadLetter.source_offset)).all()
    found = [
        (letter.stream, letter.topic, letter.source_offset, letter.reason) for letter in letters
    ]
    assert found == [
        ("lasair", TOPIC.name, 0, "not_json"),
        ("lasair", TOPIC.name, 2, "not_json"),
        ("lasair", TOPIC.name, 3, "no_id"),
        ("lasair", TOPIC.name, 4, "empty"),
    ]
    taker.close()
    assert archived_packet(session, letters[0]) == b"no JSON"
    errors = [(line["offset"], line["reason"]) for line in lines(root, "error.log")]
    assert errors == [(0, "not_json"), (2, "not_json"), (3, "no_id"), (4, "empty")]
    assert [line["object_id"] for line in lines(root, "event.log")] == ["ZTF18abcdefg"]


def test_the_same_batch_again_changes_nothing(taker, session, root, bells):
    messages = batch(alert(), b"no JSON", alert("ZTF18bbbbbbb"))
    taker.take(messages)
    taker.take(messages)

    assert count(session, LasairAlert) == 2
    assert count(session, DeadLetter) == 1
    assert count(session, StampRequest) == len(bells) == 2
    assert len(lines(root, "event.log")) == 2


def test_an_alert_has_its_columns_and_its_utc(taker, session):
    taker.take(batch(alert(mag=18.25, name="\ud83d\ude00")))

    row = session.scalars(select(LasairAlert)).one()
    assert (row.survey, row.object_id, row.jd_utc) == ("ztf", "ZTF18abcdefg", 2460824.0)
    assert row.detected_at.isoformat() == "2025-05-28T12:00:00+00:00"
    assert row.payload["utc_latest_detection"] == "2025-05-28 12:00:00.000"
    assert (row.payload["mag"], row.payload["name"]) == (18.25, "\U0001f600")
    assert row.line_seq is None


def test_images_are_fetched_where_the_alerts_file_is(taker, session, bells):
    taker.take(batch(alert()))

    [(_, queue, _)] = bells
    assert (queue, session.scalars(select(StampRequest.host)).one()) == ("sinks.here", "here")


def test_a_value_that_is_no_date_is_told_and_the_alert_stays(taker, session, root):
    taker.take(batch(alert(latest_detection="soon")))

    assert count(session, LasairAlert) == 1
    [line] = lines(root, "error.log")
    assert (line["offset"], line["reason"]) == (0, "bad_value")
    assert "latest_detection is no date: 'soon'" in line["cause"]


def test_characters_that_no_database_takes_are_replaced(taker, session):
    taker.take(batch(b'{"objectId": "ZTF18abcdefg", "note": "a\\u0000b\\ud800"}'))

    assert session.scalars(select(LasairAlert.payload)).one()["note"] == "a\ufffdb\ufffd"


def test_one_detection_that_several_filters_send_is_fetched_once(taker, session, bells):
    taker.take(batch(alert(), alert(mag=17), alert(latest_detection=2460825.0)))

    assert count(session, LasairAlert) == 3
    assert count(session, StampRequest) == len(bells) == 2


def test_images_are_not_asked_for_where_nobody_wants_them(taker, session, set_up, bells):
    set_up(lasair__cutouts="false")
    taker.take(batch(alert()))

    assert (count(session, StampRequest), bells) == (0, [])


def test_a_topic_made_anew_is_another_source(session, root, bells):
    ids = ["id-1"]
    taker = reception()
    taker._topic_id = lambda: ids[-1]
    taker.take(batch(alert("ZTF18aaaaaaa"), alert("ZTF18bbbbbbb")))
    ids.append("id-2")

    taker.take(batch(alert("ZTF18ccccccc")))  # its offsets begin again
    taker.close()

    rows = session.execute(select(LasairAlert.source_id, LasairAlert.source_offset)).all()
    assert [row.source_offset for row in rows] == [0, 1, 0]
    assert len({row.source_id for row in rows}) == 2
