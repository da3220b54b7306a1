"""Readers change nothing."""

import pytest
from confluent_kafka import Producer as Client
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient

from accounts.principals import Reader
from broker.kafka import Producer
from broker.kafka_admin import probe_login
from broker.kafka_types import Message
from tests import native
from tests.e2e.rights.changes import TOPIC_CHANGES, Change, allow, refusal, set_password
from tests.e2e.rights.readers import ENDS, PATIENCE_S, consumer, login, next_end, own_group


def test_a_reader_may_not_write(topics_made: native.Parts, person: Reader, public_topic: str):
    outcomes: list[str | None] = []
    client = Client(login(topics_made, person) | {"message.timeout.ms": int(PATIENCE_S * 1000)})
    client.produce(
        public_topic,
        b"forged",
        on_delivery=lambda error, _: outcomes.append(error and error.name()),
    )
    client.flush(2 * PATIENCE_S)
    reading = consumer(login(topics_made, person), own_group(person), **ENDS)
    reading.assign([TopicPartition(public_topic, 0, 1)])

    assert outcomes == ["TOPIC_AUTHORIZATION_FAILED"]
    assert next_end(reading) == (public_topic, 0)  # nothing came after the one message
    reading.close()


def test_a_reader_gets_no_idempotent_producer(
    topics_made: native.Parts, person: Reader, public_topic: str
):
    client = Producer(login(topics_made, person))

    (error,) = client.send([Message(public_topic, None, b"forged", [])])

    assert error is not None
    assert error.code == "CLUSTER_AUTHORIZATION_FAILED"


@pytest.mark.parametrize("change", TOPIC_CHANGES, ids=lambda change: change.__name__)
def test_a_reader_may_not_change_topics(
    topics_made: native.Parts, person: Reader, public_topic: str, change: Change
):
    admin = AdminClient(login(topics_made, person))

    assert refusal(change(admin, public_topic)) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_reader_may_not_give_itself_rights(topics_made: native.Parts, person: Reader):
    admin = AdminClient(login(topics_made, person))
    binding = allow(person.username, AclOperation.WRITE)

    assert refusal(admin.create_acls([binding])[binding]) == "CLUSTER_AUTHORIZATION_FAILED"


def test_a_reader_may_not_set_a_password(topics_made: native.Parts, person: Reader, other: Reader):
    admin = AdminClient(login(topics_made, person))

    for victim in (person, other):
        assert refusal(set_password(admin, victim.username)) == "CLUSTER_AUTHORIZATION_FAILED"
    assert probe_login(other.username, other.password, topics_made.public_servers[0])
