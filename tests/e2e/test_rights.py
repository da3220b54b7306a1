"""What the two kinds of principal may do on the real broker, and what they are refused."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Producer as Client
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from accounts.principals import Reader, email_reader, named_reader, new_password
from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_admin import TopicSpec, ensure_topics, grant_reader, probe_login, revoke
from broker.kafka_types import Message
from pipeline import topics
from tests import native

PATIENCE_S = 30.0
SHORT_S = 3.0
STEP_S = 0.1
ENDS = {"enable.partition.eof": True}
DAY_MS = 86_400_000
KINDS = ["email", "named"]
PUBLIC = [output.name for output in topics.OUTPUTS]


@pytest.fixture(params=KINDS)
def person(request: pytest.FixtureRequest, topics_made: native.Parts) -> Iterator[Reader]:
    """A principal of each kind, gone afterwards."""
    with granted(new_reader(request.param), topics_made) as reader:
        yield reader


@pytest.fixture
def other(topics_made: native.Parts) -> Iterator[Reader]:
    """Somebody else's named credential."""
    with granted(new_reader("named"), topics_made) as reader:
        yield reader


def new_reader(kind: str) -> Reader:
    if kind == "named":
        return named_reader()
    return email_reader(f"rights+{uuid.uuid4().hex[:8]}@example.org", config())


@contextmanager
def granted(reader: Reader, parts: native.Parts) -> Iterator[Reader]:
    grant_reader(reader.username, reader.password, reader.group_prefix)
    assert probe_login(reader.username, reader.password, parts.public_servers[0])
    try:
        yield reader
    finally:
        revoke(reader.username)


@pytest.fixture
def public_topic(topics_made: native.Parts) -> str:
    """A topic that every account may read, with one message."""
    name = f"babamul.test.{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])
    assert Producer(own_connection("admin")).send([Message(name, None, b"alert", [])]) == [None]
    return name


@pytest.fixture
def input_topic(topics_made: native.Parts) -> str:
    """A topic of packets, with one message; people have no business there."""
    name = f"lsst-alerts-rights-{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])
    assert Producer(own_connection("feed")).send([Message(name, None, b"packet", [])]) == [None]
    return name


def login(parts: native.Parts, reader: Reader, port: int = 0) -> dict[str, Any]:
    return {
        "bootstrap.servers": parts.public_servers[port],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": reader.username,
        "sasl.password": reader.password,
        "log_level": 0,
    }


def own_group(reader: Reader) -> str:
    """Return a group that begins as the reader's must, and that nobody else uses."""
    return f"{reader.group_prefix}-{uuid.uuid4().hex[:8]}"


def consumer(
    connection: dict[str, Any], group: str, offset: str = "earliest", **settings: Any
) -> Consumer:
    return Consumer({**connection, "group.id": group, "auto.offset.reset": offset} | settings)


def first(reading: Consumer) -> tuple[str | None, bytes | None]:
    """Return the name of the first error, or the first message; and close."""
    give_up_at = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < give_up_at:
            message = reading.poll(0.2)
            if message is not None:
                error = message.error()
                return (error.name(), None) if error else (None, message.value())
    finally:
        reading.close()
    raise AssertionError("neither a message nor a refusal")


def refusal(future: Any) -> str:
    """Return the name of the error that an admin request ends with."""
    with pytest.raises(KafkaException) as refused:
        future.result(PATIENCE_S)
    name: str = refused.value.args[0].name()
    return name


def allow(principal: str, operation: AclOperation) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC,
        "babamul.",
        ResourcePatternType.PREFIXED,
        f"User:{principal}",
        "*",
        operation,
        AclPermissionType.ALLOW,
    )


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

    ended = {next_end(reading) for _ in places}
    reading.close()

    assert ended == places


def next_end(reading: Consumer) -> tuple[str, int]:
    """Return the next partition whose end was reached; anything else is an error."""
    message = reading.poll(PATIENCE_S)
    assert message is not None
    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
    return message.topic(), message.partition()


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


def create(admin: AdminClient, _topic: str) -> Any:
    name = f"babamul.filter.{uuid.uuid4().hex[:8]}"
    return admin.create_topics([NewTopic(name, 1, 1)])[name]


def delete(admin: AdminClient, topic: str) -> Any:
    return admin.delete_topics([topic])[topic]


def delete_records(admin: AdminClient, topic: str) -> Any:
    place = TopicPartition(topic, 0, 1)
    return admin.delete_records([place])[place]


def add_partitions(admin: AdminClient, topic: str) -> Any:
    return admin.create_partitions([NewPartitions(topic, 99)])[topic]


def alter(admin: AdminClient, topic: str) -> Any:
    entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    return admin.incremental_alter_configs([resource])[resource]


TOPIC_CHANGES = [create, delete, delete_records, add_partitions, alter]
Change = Callable[[AdminClient, str], Any]


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


def set_password(admin: AdminClient, principal: str) -> Any:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    stolen = UserScramCredentialUpsertion(principal, info, b"stolen-password-stolen-password-")
    return admin.alter_user_scram_credentials([stolen])[principal]


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


def errors_told(connection: dict[str, Any]) -> set[str]:
    """Connect, and return what the error callback is told: a refused login says it there alone."""
    told: set[str] = set()
    reading = consumer(connection, "any", error_cb=lambda error: told.add(error.name()))
    give_up_at = time.monotonic() + PATIENCE_S
    while "_AUTHENTICATION" not in told and time.monotonic() < give_up_at:
        with pytest.raises(KafkaException):
            reading.list_topics(timeout=STEP_S)
        reading.poll(0)  # serves the callback
    reading.close()
    return told


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


@pytest.mark.parametrize("operation", [AclOperation.ALTER, AclOperation.ALL])
def test_the_pipeline_may_not_alter_rights(topics_made: native.Parts, operation: AclOperation):
    admin = AdminClient(own_connection("pipeline"))
    binding = allow("pipeline", operation)

    assert refusal(admin.create_acls([binding])[binding]) == "CLUSTER_AUTHORIZATION_FAILED"


def test_the_pipeline_may_not_set_a_password(topics_made: native.Parts, other: Reader):
    admin = AdminClient(own_connection("pipeline"))

    assert refusal(set_password(admin, other.username)) == "CLUSTER_AUTHORIZATION_FAILED"


@pytest.mark.parametrize(
    "change", [delete, delete_records, add_partitions, alter], ids=lambda change: change.__name__
)
def test_the_pipeline_may_not_change_public_topics(
    topics_made: native.Parts, public_topic: str, change: Change
):
    admin = AdminClient(own_connection("pipeline"))

    assert refusal(change(admin, public_topic)) == "TOPIC_AUTHORIZATION_FAILED"


@pytest.mark.parametrize("where", ["an input topic", "__consumer_offsets", "a foreign topic"])
def test_the_pipeline_may_write_to_public_topics_only(
    topics_made: native.Parts, input_topic: str, where: str
):
    foreign = f"foreign-{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(foreign, 1, DAY_MS)])
    name = {"an input topic": input_topic, "a foreign topic": foreign}.get(where, where)

    (error,) = Producer(own_connection("pipeline")).send([Message(name, None, b"x", [])])

    assert error is not None
    assert error.code == "TOPIC_AUTHORIZATION_FAILED"


def test_a_revoked_reader_stops_and_cannot_come_back(
    topics_made: native.Parts, public_topic: str, person: Reader
):
    reading = consumer(login(topics_made, person), own_group(person))
    reading.subscribe([public_topic])
    message = reading.poll(PATIENCE_S)
    assert message.value() == b"alert"

    revoke(person.username)
    more = [Message(public_topic, None, b"not for you", [])]
    assert Producer(own_connection("admin")).send(more) == [None]
    error, value = first(reading)

    assert value is None
    assert error in {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}
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
