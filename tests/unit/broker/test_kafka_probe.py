"""What a probe concludes from what the broker answers; real brokers are asked elsewhere."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from broker import kafka_probe
from broker.kafka_probe import ProbeOutcome

PLACE = TopicPartition("babamul.ztf-test", 0)


class Reader:
    """A consumer on a topic with two messages that is refused what ``refusals`` name."""

    def __init__(self, **refusals):
        self.refusals = refusals

    def _answer(self, act):
        if act in self.refusals:
            raise KafkaException(KafkaError(self.refusals[act]))

    def get_watermark_offsets(self, _place, **_):
        self._answer("look")
        return 0, 2

    def assign(self, places):
        assert [place.offset for place in places] == [1]

    def poll(self, _timeout):
        return SimpleNamespace(error=lambda: None)

    def committed(self, places, **_):
        self._answer("commit")
        return [SimpleNamespace(error=None) for _ in places]


@pytest.mark.parametrize(
    ("refusals", "outcome", "is_ready"),
    [
        ({}, ProbeOutcome.READ, True),
        ({"look": KafkaError.UNKNOWN_TOPIC_OR_PART}, ProbeOutcome.ABSENT, False),
        ({"look": KafkaError._UNKNOWN_TOPIC}, ProbeOutcome.ABSENT, False),
        ({"look": KafkaError._UNKNOWN_PARTITION}, ProbeOutcome.ABSENT, False),
        ({"look": KafkaError.TOPIC_AUTHORIZATION_FAILED}, ProbeOutcome.NO_TOPIC, False),
        ({"commit": KafkaError.GROUP_AUTHORIZATION_FAILED}, ProbeOutcome.NO_GROUP, False),
        ({"look": KafkaError._TIMED_OUT}, ProbeOutcome.UNREACHABLE, False),
    ],
)
def test_a_login_is_ready_only_if_topic_and_group_answered(refusals, outcome, is_ready):
    found = kafka_probe._use(Reader(**refusals), PLACE)

    assert found is outcome
    assert found.is_ready is is_ready
