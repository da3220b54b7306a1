"""Who may do what on the real broker."""

import time
import uuid

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from broker import kafka as wire
from broker.kafka_admin import (
    Acl,
    LoginOutcome,
    TopicSpec,
    ensure_acls,
    ensure_topics,
    grant_reader,
    probe_login,
    revoke,
    try_login,
)
from broker.kafka_types import Message

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kafka")]

DAY_MS = 86_400_000
PATIENCE_S = 30


@pytest.fixture
def person(kafka):
    """A person with a credential, gone afterwards."""
    name, password = f"night.owl+{uuid.uuid4().hex[:8]}@example.org", uuid.uuid4().hex
    grant_reader(name, password, "babamul-")
    assert probe_login(name, password, kafka.public_servers[0])
    yield name, password
    revoke(name)


@pytest.fixture
def public_topic(kafka):
    """A topic that every account may read, with one message."""
    name = f"babamul.test.{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])
    producer = wire.Producer(wire.own_connection("admin"))
    assert producer.send([Message(name, None, b"alert", [])]) == [None]
    return name


def _consumer(kafka, person, group, server=0):
    name, password = person
    return Consumer(
        {
            "bootstrap.servers": kafka.public_servers[server],
            "broker.address.family": "v4",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": name,
            "sasl.password": password,
            "group.id": group,
            "auto.offset.reset": "earliest",
        }
    )


def _first(consumer):
    """Return the first thing that is neither silence nor the end of a partition."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        received = consumer.poll(0.2)
        if received is not None:
            return received
    raise AssertionError("nothing came")


@pytest.mark.parametrize("server", [0, 1], ids=["first port", "second port"])
def test_a_granted_person_reads_on_every_public_port(kafka, person, public_topic, server):
    consumer = _consumer(kafka, person, f"babamul-{uuid.uuid4().hex}", server)
    consumer.subscribe([public_topic])

    received = _first(consumer)
    consumer.close()

    assert received.error() is None
    assert received.value() == b"alert"


def test_a_person_is_refused_foreign_groups(kafka, person, public_topic):
    consumer = _consumer(kafka, person, "somebody-elses")
    consumer.subscribe([public_topic])

    received = _first(consumer)
    consumer.close()

    assert received.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def test_a_person_is_refused_other_topics(kafka, person, make_topic):
    consumer = _consumer(kafka, person, "babamul-any")
    consumer.subscribe([make_topic()])

    received = _first(consumer)
    consumer.close()

    assert received.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_person_sees_public_topics_only(kafka, person, public_topic, make_topic):
    make_topic()
    consumer = _consumer(kafka, person, "babamul-any")

    seen = set(consumer.list_topics(timeout=PATIENCE_S).topics)
    consumer.close()

    assert public_topic in seen
    assert {name for name in seen if not name.startswith("babamul.")} == set()


def test_a_person_may_not_write(kafka, person, public_topic):
    name, password = person
    producer = wire.Producer(
        {
            "bootstrap.servers": kafka.public_servers[0],
            "broker.address.family": "v4",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": name,
            "sasl.password": password,
        }
    )

    before = psutil.Process().num_threads()
    errors = [producer.send([Message(public_topic, None, b"forged", [])]) for _ in range(2)]

    # An idempotent producer is refused its id before it may try a topic; each call starts anew.
    assert [error.code for (error,) in errors] == ["CLUSTER_AUTHORIZATION_FAILED"] * 2
    assert psutil.Process().num_threads() <= before


def test_a_wrong_secret_is_refused(kafka, person):
    assert try_login(person[0], "wrong", kafka.public_servers[0]) is LoginOutcome.REFUSED


def test_nobody_gets_in_without_a_login(kafka):
    for servers in (*kafka.public_servers, kafka.kafka_servers):
        anonymous = AdminClient(
            {"bootstrap.servers": servers, "broker.address.family": "v4", "log_level": 0}
        )
        with pytest.raises(KafkaException):
            anonymous.list_topics(timeout=2)


def test_a_server_that_is_not_there_is_not_taken_for_a_refusal():
    outcome = try_login("anybody", "any", "127.0.0.1:1", limit_s=0.5)

    assert outcome is LoginOutcome.UNREACHABLE


def test_a_revoked_person_loses_a_live_session_and_the_login(kafka, person, public_topic):
    consumer = _consumer(kafka, person, f"babamul-{uuid.uuid4().hex}")
    consumer.subscribe([public_topic])
    assert _first(consumer).error() is None

    revoke(person[0])
    received = _first(consumer)
    consumer.close()

    assert received.error() is not None
    assert try_login(*person, kafka.public_servers[0]) is LoginOutcome.REFUSED


def test_a_topic_and_a_right_named_twice_are_made_once(kafka):
    name = f"nightjar-test-{uuid.uuid4().hex[:12]}"
    spec = TopicSpec(name, 2, DAY_MS)
    right = Acl("pipeline", "topic", name, is_prefix=False, operations=("READ",))

    assert ensure_topics([spec, spec]) == [f"made {name} with 2 partitions"]
    assert len(ensure_acls([right, right])) == 1


def test_revoking_twice_is_harmless(person):
    revoke(person[0])
    revoke(person[0])


@pytest.mark.parametrize("name", ["pipeline", "admin", "feed", "kraft"])
def test_our_own_principals_cannot_be_revoked(kafka, name):
    with pytest.raises(ValueError, match=name):
        revoke(name)


def test_the_pipeline_may_not_alter_rights(kafka):
    binding = AclBinding(
        ResourceType.TOPIC,
        "babamul.",
        ResourcePatternType.PREFIXED,
        "User:pipeline",
        "*",
        AclOperation.ALTER,
        AclPermissionType.ALLOW,
    )
    client = AdminClient(wire.own_connection("pipeline"))

    with pytest.raises(KafkaException) as refused:
        client.create_acls([binding])[binding].result(15)

    assert refused.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_the_pipeline_may_not_write_to_topics_that_are_not_its_own(kafka):
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])

    (error,) = wire.Producer(wire.own_connection("pipeline")).send([Message(name, None, b"x", [])])

    assert error.code == "TOPIC_AUTHORIZATION_FAILED"


def test_the_feed_may_write_and_not_read(kafka, make_topic):
    topic = make_topic()

    outcome = wire.Producer(wire.own_connection("feed")).send([Message(topic, None, b"x", [])])
    reader = wire.RangeReader(wire.own_connection("feed"), "nightjar-")

    assert outcome == [None]
    with pytest.raises(wire.TransientError, match="authoriz"):
        reader.read(topic, 0, 0, 0)
    reader.close()


def test_a_second_bootstrap_changes_nothing(kafka):
    name = f"nightjar-test-{uuid.uuid4().hex[:8]}"
    specs = [TopicSpec(name, 2, DAY_MS, {"cleanup.policy": "delete"})]
    rights = [Acl(name, "topic", "babamul.", is_prefix=True, operations=("READ", "DESCRIBE"))]

    once = ensure_topics(specs), ensure_acls(rights)

    assert once == (
        [f"made {name} with 2 partitions"],
        [f"User:{name} may READ topic babamul.*", f"User:{name} may DESCRIBE topic babamul.*"],
    )
    assert (ensure_topics(specs), ensure_acls(rights)) == ([], [])


def _bind(principal, name, *, host="*", denied=False):
    """Give or deny a right behind the back of ``ensure_acls``."""
    permission = AclPermissionType.DENY if denied else AclPermissionType.ALLOW
    binding = AclBinding(
        ResourceType.TOPIC,
        name,
        ResourcePatternType.LITERAL,
        f"User:{principal}",
        host,
        AclOperation.READ,
        permission,
    )
    admin = AdminClient(wire.own_connection("admin"))  # what it was asked dies with it
    admin.create_acls([binding])[binding].result(PATIENCE_S)


def test_exact_rights_take_what_was_given_and_denied_behind_our_back(kafka):
    name, stranger = (f"nightjar-test-{uuid.uuid4().hex[:8]}" for _ in range(2))
    rights = [Acl(name, "topic", "babamul.x", is_prefix=False, operations=("READ",))]
    _bind(stranger, "babamul.x")
    _bind(name, "babamul.x", host="127.0.0.9")
    _bind(name, "babamul.secret")
    _bind(name, "babamul.x", denied=True)

    lines = ensure_acls(rights, is_exact=True)

    assert lines[0] == f"User:{name} may READ topic babamul.x"
    assert set(lines[1:]) == {
        f"taken from User:{name}: READ topic babamul.x from 127.0.0.9",
        f"taken from User:{name}: READ topic babamul.secret",
        f"taken from User:{name}: not READ topic babamul.x",
    }
    assert ensure_acls(rights, is_exact=True) == []
    assert (
        ensure_acls([Acl(stranger, "topic", "babamul.x", is_prefix=False, operations=("READ",))])
        == []
    )  # nothing was missing: a stranger's right was left alone


def test_rights_that_are_not_exact_leave_others_in_place(kafka):
    name = f"nightjar-test-{uuid.uuid4().hex[:8]}"
    _bind(name, "babamul.secret")

    ensure_acls([Acl(name, "topic", "babamul.x", is_prefix=False, operations=("READ",))])

    secret = [Acl(name, "topic", "babamul.secret", is_prefix=False, operations=("READ",))]
    assert ensure_acls(secret) == []


def test_a_changed_retention_is_applied(kafka):
    name = f"nightjar-test-{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])

    lines = ensure_topics([TopicSpec(name, 1, 7 * DAY_MS)])

    assert lines == [f"{name}: retention.ms {DAY_MS} → {7 * DAY_MS}"]
    assert ensure_topics([TopicSpec(name, 1, 7 * DAY_MS)]) == []


def test_changed_partitions_are_reported_and_left_alone(kafka):
    name = f"nightjar-test-{uuid.uuid4().hex[:8]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])

    lines = ensure_topics([TopicSpec(name, 4, DAY_MS)])

    admin = AdminClient(wire.own_connection("admin"))
    assert lines == [f"{name} has 1 partitions, wanted 4: left alone"]
    assert len(admin.list_topics(timeout=15).topics[name].partitions) == 1
