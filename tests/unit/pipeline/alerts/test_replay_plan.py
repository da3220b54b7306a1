"""Where the offsets of a replay are read, and how far."""

from datetime import UTC, date, datetime

import pytest

from broker.kafka import Watermarks
from broker.ranges.replays import without_overlap
from broker.ranges.whereabouts import Stretch
from pipeline.alerts.replay_plan import Kept, _bounds_ms, _forgotten, _Live, _pieces
from pipeline.alerts.replaying import _holes
from pipeline.surveys import survey


def live(low, high, committed):
    return _Live(Watermarks(low, high), committed)


def pieces(kept, found, at, source="auto"):
    return list(_pieces(kept and Kept(*kept, 0, 0), found, at, source))


@pytest.mark.parametrize(
    ("kept", "found", "at", "source", "expected"),
    [
        # Kafka has all of it
        ((100, 199), (100, 199), live(0, 500, 500), "auto", [("kafka", 100, 199)]),
        ((100, 199), (100, 199), live(0, 500, 500), "archive", [("archive", 100, 199)]),
        # never past what the listener has finished
        ((100, 199), (100, 250), live(0, 500, 150), "auto", [("kafka", 100, 149)]),
        ((100, 199), None, live(0, 500, 150), "archive", [("archive", 100, 149)]),
        ((100, 199), (100, 199), live(0, 500, 100), "auto", []),
        # Kafka has forgotten the beginning, or all
        (
            (100, 199),
            (130, 199),
            live(130, 500, 500),
            "auto",
            [("archive", 100, 129), ("kafka", 130, 199)],
        ),
        ((100, 199), (130, 199), live(130, 500, 500), "kafka", [("kafka", 130, 199)]),
        ((100, 199), None, live(200, 500, 500), "auto", [("archive", 100, 199)]),
        ((100, 199), None, live(200, 500, 500), "kafka", []),
        # the topic is gone or another
        ((100, 199), None, None, "auto", [("archive", 100, 199)]),
        ((100, 199), None, None, "kafka", []),
        # never archived
        (None, (100, 199), live(0, 500, 500), "auto", [("kafka", 100, 199)]),
        (None, (100, 199), live(0, 500, 500), "archive", []),
        # one message with a wrong time ends Kafka's answer early; the archive knows better
        ((100, 199), (100, 120), live(0, 500, 500), "auto", [("kafka", 100, 199)]),
    ],
)
def test_where_offsets_are_read(kept, found, at, source, expected):
    assert pieces(kept, found, at, source) == expected


@pytest.mark.parametrize(
    ("at", "expected"), [(live(0, 500, 500), 0), (live(130, 500, 500), 30), (None, 100)]
)
def test_how_much_kafka_has_forgotten(at, expected):
    assert _forgotten(Kept(100, 199, 100, 1), at) == expected


def test_a_night_lasts_from_local_noon_to_local_noon():
    begin, end = _bounds_ms(survey("ztf"), (date(2026, 8, 1), date(2026, 8, 2)))

    assert datetime.fromtimestamp(begin / 1000, UTC) == datetime(2026, 8, 1, 19, tzinfo=UTC)
    assert datetime.fromtimestamp(end / 1000, UTC) == datetime(2026, 8, 3, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ([5, 6, 7], []),
        ([6], [(5, 5), (7, 7)]),
        ([], [(5, 7)]),
        ([5], [(6, 7)]),
    ],
)
def test_holes_between_offsets(offsets, expected):
    assert list(_holes(offsets, 5, 7)) == expected


def stretch(topic, source, first, last):
    return Stretch((topic, 0), source, "kafka", first, last)


def test_offsets_of_two_logs_under_one_name_are_two_replays():
    old, new = stretch("a", 1, 0, 50), stretch("a", 2, 30, 90)
    other, later = stretch("b", 3, 0, 50), stretch("a", 2, 91, 99)

    assert without_overlap([old, new, other, later]) == [[old, other, later], [new]]
