"""The pipeline's own principal writes its messages, and may do no more."""

import uuid

import pytest
from confluent_kafka.admin import AclOperation, AdminClient

from accounts.principals import Reader
from broker.kafka import Producer, own_connection
from broker.kafka_admin import TopicSpec, ensure_topics
from broker.kafka_types import Message
from tests import native
from tests.e2e.rights.changes import (
    Change,
    add_partitions,
    allow,
    alter,
    delete,
    delete_records,
    refusal,
    set_password,
)
from tests.e2e.rights.readers import DAY_MS


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
