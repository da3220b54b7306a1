"""Topics on brokers of others: what waits there, what came, and what is amiss."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.errors import TransientError
from broker.kafka_unread import Unread
from pipeline.watch import elsewhere
from pipeline.watch.alarm import NOTHING_WRITTEN, SILENT, UNREAD
from pipeline.watch.elsewhere import Heard

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
AWAY = TransientError("Kafka: refused")
NOTHING, NEW, OLD = Unread(0, 0), Unread(3, 0), Unread(12, 9)


def heard(hours=None, **values):
    """What came of a topic of Lasair, the newest so many hours ago."""
    given = {"new": 1, "written": 1} if hours is not None else {"new": 0, "written": 0}
    given |= {"failed": 0, "filtered": 0, "is_wanted": True, "was_heard": True}
    last_at = None if hours is None else NOW - timedelta(hours=hours)
    return Heard("lasair_1x", "lasair", **given | {"last_at": last_at} | values)


@pytest.mark.parametrize(
    ("found", "waits", "reason"),
    [
        (heard(1), NOTHING, None),
        (heard(1), AWAY, None),
        (heard(1), OLD, None),
        (heard(5), NEW, None),
        (heard(5), OLD, UNREAD),
        (heard(5, is_wanted=False), OLD, None),
        (heard(5), AWAY, None),
        (heard(), OLD, UNREAD),
        (heard(), NOTHING, SILENT),
        (heard(), AWAY, SILENT),
        (heard(was_heard=False), NOTHING, None),
        (heard(was_heard=False), AWAY, SILENT),
        (heard(was_heard=False, is_wanted=False), AWAY, None),
        (heard(1, new=4, written=0, failed=4), NOTHING, NOTHING_WRITTEN),
    ],
)
def test_what_is_amiss_with_a_topic(found, waits, reason):
    alarm = elsewhere.alarm(found, waits, SINCE, NOW)

    assert (alarm and alarm.reason) == reason


def test_an_alarm_says_how_much_waits_and_who_should_listen():
    alarm = elsewhere.alarm(heard(5), OLD, SINCE, NOW)

    assert alarm.text == (
        "lasair_1x stored nothing since 2026-11-23 02:00 UTC, and 12 messages wait on its broker,"
        " 9 of them for more than 2 h."
    )
    assert "listen-lasair must run" in alarm.remedy


def test_a_broker_that_does_not_answer_is_told_with_its_error():
    alarm = elsewhere.alarm(heard(), AWAY, SINCE, NOW)

    assert "does not say how much waits: Kafka: refused" in alarm.text
