"""Readers read public topics in groups of their own, and nothing else."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from accounts.principals import Reader
from broker.config import config
from pipeline import topics
from tests import native
from tests.e2e.rights.readers import (
    ENDS,
    PATIENCE_S,
    consumer,
    end,
    first,
    granted,
    login,
    new_reader,
    own_group,
)

PUBLIC = [output.name for output in topics.OUTPUTS]


@pytest.mark.parametrize("port", [0, 1], ids=["first port", "second port"])
def test_a_reader_reads_public_topics(
    topics_made: native.Parts, person: Reader, public_topic: str, port: int
):
    reading = consumer(login(topics_made, person, port), own_group(person))
    reading.subscribe([public_topic])

    assert first(reading) == (None, b"alert")


def test_a_reader_may_read_every_partition_of_every_public_topic(
    topics_made: native.Parts, person: Reader
):
    reading = consumer(login(topics_made, person), own_group(person), offset="latest", **ENDS)
    partitions = config().kafka.babamul_partitions
    places = {(name, partition) for name in PUBLIC for partition in range(partitions)}
    reading.assign([TopicPartition(*place) for place in places])

    ended = set()
    while ended != places:
        message = reading.poll(PATIENCE_S)
        assert message is not None, places - ended
        if message.error():  # else an alert that another test publishes meanwhile
            ended.add(end(message))
    reading.close()


def test_a_reader_sees_public_topics_only(
    topics_made: native.Parts, person: Reader, input_topic: str
):
    seen = set(AdminClient(login(topics_made, person)).list_topics(timeout=PATIENCE_S).topics)

    assert set(PUBLIC) <= seen
    assert [name for name in seen if not name.startswith("babamul.")] == []


@pytest.mark.parametrize("hidden", ["an input topic", "__consumer_offsets"])
def test_a_reader_may_not_read_other_topics(
    topics_made: native.Parts, person: Reader, input_topic: str, hidden: str
):
    name = {"an input topic": input_topic}.get(hidden, hidden)
    reading = consumer(login(topics_made, person), own_group(person))
    reading.subscribe([name])

    assert first(reading) == ("TOPIC_AUTHORIZATION_FAILED", None)


FOREIGN_GROUPS = {
    "email": ["other-x", "nightjar-ztf", "rights@example.org"],
    "named": ["other-x", "nightjar-ztf", "babamul-myapp", "somebody else's"],
}


@pytest.mark.parametrize(
    ("kind", "group"),
    [(kind, group) for kind, groups in FOREIGN_GROUPS.items() for group in groups],
)
def test_a_reader_may_not_use_foreign_groups(
    topics_made: native.Parts, other: Reader, public_topic: str, kind: str, group: str
):
    with granted(new_reader(kind), topics_made) as reader:
        name = own_group(other) if group == "somebody else's" else group
        reading = consumer(login(topics_made, reader), name)
        reading.subscribe([public_topic])

        assert first(reading) == ("GROUP_AUTHORIZATION_FAILED", None)


def test_the_seed_group_is_open_to_email_principals(topics_made: native.Parts, public_topic: str):
    with granted(new_reader("email"), topics_made) as reader:
        reading = consumer(login(topics_made, reader), "babamul-myapp")
        reading.assign([TopicPartition(public_topic, 0, 0)])

        assert reading.committed([TopicPartition(public_topic, 0)], PATIENCE_S)[0].error is None
        assert first(reading) == (None, b"alert")
