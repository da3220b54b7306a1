"""Test alerts and the heartbeat: whole messages, known by their ids and header, one per period."""

import io
from datetime import UTC, datetime

import fastavro
import pytest

from broker.config import Config
from broker.kafka_types import DeliveryError
from pipeline import bootstrap, topics
from pipeline.alerts import steady
from pipeline.alerts.schemas import OUTPUT_SCHEMAS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
JD_OF_NOON = 2_461_366.0  # the Julian day begins at noon; the almanac's number for this date
SURVEYS = ("ztf", "lsst")


def alert(survey, now_s=NOON):
    message = steady.test_alert(survey, now_s)
    (record,) = fastavro.reader(io.BytesIO(message.value), OUTPUT_SCHEMAS[survey])
    return message, record


@pytest.mark.parametrize("survey", SURVEYS)
def test_a_test_alert_is_known_by_its_ids_and_its_header(survey):
    message, record = alert(survey)

    assert record["candid"] < 0
    assert record["objectId"].startswith("TEST")
    assert message.key == record["objectId"].encode()
    assert dict(message.headers)["test"] == b"1"
    assert dict(message.headers)["candid"] == str(record["candid"]).encode()


@pytest.mark.parametrize("survey", SURVEYS)
def test_its_light_curve_ends_now(survey):
    _, record = alert(survey)

    newest = max(point["jd"] for point in record["prv_candidates"])
    assert newest == pytest.approx(JD_OF_NOON, abs=1e-6)
    assert record["candidate"]["jd"] == pytest.approx(JD_OF_NOON, abs=1e-6)
    assert all(abs(point["jd"] - JD_OF_NOON) < 30 for point in record["fp_hists"])


def test_the_candidate_repeats_the_candid():
    assert alert("ztf")[1]["candidate"]["candid"] == alert("ztf")[1]["candid"]
    assert alert("lsst")[1]["candidate"]["diaSourceId"] == alert("lsst")[1]["candid"]


def test_two_alerts_differ():
    first, second = alert("ztf")[1], alert("ztf", NOON + 10)[1]

    assert first["candid"] != second["candid"]
    assert second["candidate"]["jd"] - first["candidate"]["jd"] == pytest.approx(
        10 / 86_400, abs=1e-9
    )


def test_a_heartbeat_says_when_and_which():
    message = steady.heartbeat(NOON, 7)

    (record,) = fastavro.reader(io.BytesIO(message.value))
    assert record == {"time": datetime(2026, 11, 21, 12, tzinfo=UTC), "sequence": 7}


class Clock:
    """Time that passes only while somebody sleeps, and ends a loop."""

    def __init__(self, lasts_s):
        self.now_s, self.end_s = NOON, NOON + lasts_s

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds

    def is_over(self):
        return self.now_s >= self.end_s


def sent_in(lasts_s, outcome=None):
    clock, sent = Clock(lasts_s), []

    def send(messages):
        sent.extend(message.topic for message in messages)
        return [outcome] * len(messages)

    steady.run(steady.beats(Config()), send, clock.is_over, clock, clock.sleep)
    return {topic: sent.count(topic) for topic in sent}


def test_each_is_sent_once_in_its_period():
    assert sent_in(120) == {
        "babamul.ztf-test": 12,
        "babamul.lsst-test": 12,
        "babamul.heartbeat": 2,
    }


def test_what_is_refused_is_left_and_the_next_one_follows():
    refusal = DeliveryError("TOPIC", is_too_large=False, text="no such topic")

    assert sent_in(60, refusal)["babamul.ztf-test"] == 6


def test_their_topics_are_public_with_one_partition_and_kept_a_day():
    specs = {spec.name: spec for spec in bootstrap.output_topics(Config())}

    for output in topics.STEADY:
        assert output.name.startswith("babamul.")
        assert (specs[output.name].partitions, specs[output.name].retention_ms) == (1, 86_400_000)


def test_no_book_counts_them():
    assert not {output.name for output in topics.STEADY} & {o.name for o in topics.OUTPUTS}
