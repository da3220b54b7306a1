"""Who gets in on which port, and who does not any more."""

from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from accounts.principals import Reader, new_password
from broker.kafka import Producer, own_connection
from broker.kafka_admin import grant_reader, probe_login, revoke
from broker.kafka_types import Message
from tests import native
from tests.consumers import POLL_S, next_word
from tests.e2e.rights.readers import (
    KINDS,
    consumer,
    errors_told,
    granted,
    login,
    new_reader,
    own_group,
)

SHORT_S = 3.0
POLLS = 10


@pytest.mark.parametrize("port", [0, 1], ids=["first port", "second port"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"sasl.password": "wrong"},
        {"sasl.username": "babamul-nobody"},
        {"sasl.mechanism": "PLAIN"},
        {"sasl.mechanism": "SCRAM-SHA-256"},
    ],
    ids=["wrong password", "unknown name", "PLAIN", "SCRAM-SHA-256"],
)
def test_a_wrong_login_is_refused(
    topics_made: native.Parts, person: Reader, port: int, wrong: dict[str, str]
):
    told = errors_told(login(topics_made, person, port) | wrong)

    assert "_AUTHENTICATION" in told


def test_another_persons_password_is_refused(
    topics_made: native.Parts, person: Reader, other: Reader
):
    told = errors_told(login(topics_made, person) | {"sasl.password": other.password})

    assert "_AUTHENTICATION" in told


@pytest.mark.parametrize("port", [0, 1], ids=["first port", "second port"])
def test_nobody_gets_in_without_a_login(topics_made: native.Parts, port: int):
    anonymous = AdminClient({"bootstrap.servers": topics_made.public_servers[port], "log_level": 0})

    with pytest.raises(KafkaException):
        anonymous.list_topics(timeout=SHORT_S)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
@pytest.mark.parametrize("principal", ["pipeline", "admin", "feed"])
def test_our_own_principals_cannot_log_in_on_a_public_port(
    topics_made: native.Parts, principal: Any, mechanism: str
):
    connection = own_connection(principal)
    outside = {
        "bootstrap.servers": topics_made.public_servers[0],
        "sasl.mechanism": mechanism,
        "log_level": 0,
    }

    assert "_AUTHENTICATION" in errors_told(connection | outside)


def test_a_reader_cannot_log_in_inside(topics_made: native.Parts, person: Reader):
    inside = {"bootstrap.servers": topics_made.kafka_servers, "sasl.mechanism": "PLAIN"}

    assert "_AUTHENTICATION" in errors_told(login(topics_made, person) | inside)


def test_a_revoked_reader_stops_and_cannot_come_back(
    topics_made: native.Parts, public_topic: str, person: Reader
):
    reading = consumer(login(topics_made, person), own_group(person))
    reading.subscribe([public_topic])
    assert next_word(reading) == "message"

    revoke(person.username)
    told = next_word(reading)  # the change reaches every part of a broker a moment later
    more = [Message(public_topic, None, b"not for you", [])]
    assert Producer(own_connection("admin")).send(more) == [None]
    came = [message for _ in range(POLLS) if (message := reading.poll(POLL_S))]
    reading.close()

    assert told in {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}
    assert [message.value() for message in came if message.error() is None] == []
    assert "_AUTHENTICATION" in errors_told(login(topics_made, person))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_password_replaces_the_old_one(topics_made: native.Parts, kind: str):
    old = new_reader(kind)
    new = Reader(old.username, new_password(), old.group_prefix)
    grant_reader(old.username, old.password, old.group_prefix)
    assert probe_login(old.username, old.password, topics_made.public_servers[0])

    with granted(new, topics_made) as reader:
        told = errors_told(login(topics_made, reader) | {"sasl.password": old.password})

        assert "_AUTHENTICATION" in told
