"""A message whose workers died again and again: buried, and copied like all that is buried."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from broker.errors import TransientError
from broker.kafka import own_connection
from broker.ranges.claim import BURY_AT_ATTEMPT
from pipeline.telescope import sink_tasks
from tests.integration.telescope_data.world import Copy, letters

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("kafka"),
    pytest.mark.usefixtures("database"),
]

DEADLY = b"nobody lives who reads this"
DEATHS = BURY_AT_ATTEMPT - 1


@pytest.fixture
def buried(topic):
    """A topic on which the second message was buried."""
    topic.write([b"before", DEADLY, b"behind"], key=b"its key")
    topic.work(1, 1, attempts=DEATHS)
    return topic


def forget_all_of(topic):
    """Let Kafka delete what it has of a topic, as at the end of its retention."""
    end = TopicPartition(topic.telescope.data, 0, topic.end)
    client = AdminClient(own_connection("admin"))  # that is kept: no answer comes without it
    for future in client.delete_records([end]).values():
        future.result(30)


def copy_of(topic) -> Copy:
    headers = {
        "error_reason": "worker_died",
        "error_topic": topic.telescope.data,
        "error_partition": "0",
        "error_offset": "1",
    }
    return Copy(b"its key", DEADLY, headers)


def test_it_lies_as_it_came_among_the_dead_letters_of_its_telescope(buried):
    assert [(each.reason, each.source_offset) for each in letters()] == [("worker_died", 1)]
    assert letters()[0].kafka_timestamp is not None
    assert buried.copies() == [copy_of(buried)]


def test_while_it_cannot_be_copied_nobody_buries_it(topic, monkeypatch):
    def away(*_):
        raise TransientError("kafka is away")

    topic.write([b"before", DEADLY], key=b"its key")
    with monkeypatch.context() as patch:
        patch.setattr(sink_tasks.sink_letters, "send_copies", away)
        row = topic.work(1, 1, attempts=DEATHS)

    assert (row["state"], row["attempts"], row["releases"]) == ("queued", DEATHS, 1)
    assert "kafka is away" in row["error"]
    assert letters() == []
    assert topic.work(1, 1, attempts=DEATHS)["state"] == "done"
    assert [each.reason for each in letters()] == ["worker_died"]
    assert topic.copies() == [copy_of(topic)]


def test_what_kafka_forgot_is_buried_without(topic):
    topic.write([DEADLY])
    forget_all_of(topic)

    row = topic.work(0, 0, attempts=DEATHS)

    assert row["state"] == "done"
    assert [each.reason for each in letters()] == ["worker_died"]
    assert topic.copies() == []
