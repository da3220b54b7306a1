"""What people may not ask of Kafka: each request, and the refusal that it ends with."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
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

from tests.e2e.rights.readers import PATIENCE_S


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


def set_password(admin: AdminClient, principal: str) -> Any:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    stolen = UserScramCredentialUpsertion(principal, info, b"stolen-password-stolen-password-")
    return admin.alter_user_scram_credentials([stolen])[principal]
