"""What Kafka Connect is told to store telescopes' data, where it does so in our sink's place.

Places and secrets are no part of it: the worker has them in its environment
(``compose/connect/worker.properties``).
"""

import json
from collections.abc import Sequence
from typing import Any

from nightjar_telescope import TelescopeData
from nightjar_telescope.schema import describe

from pipeline.telescope.data_tables import TelescopeDataRaw
from pipeline.telescope.record import RecordError, Telescope

NAME = "postgres-telescope-data-sink"
COLUMN_OF = {"data_payload": "data"}
"""Of fields that the table calls otherwise."""
BATCH = 500
TRIES = 1000
TRY_AGAIN_MS = 1000
_TRANSFORMS = "org.apache.kafka.connect.transforms"
_CONVERTER = "value.converter.apicurio.registry"


def connector(telescopes: Sequence[Telescope]) -> dict[str, Any]:
    """Return the connector as Kafka Connect's REST interface takes it: name and config.

    Parameters
    ----------
    telescopes : sequence of Telescope
        Whose data are stored. What cannot be lies on the topic of the first one's data that could
        not be stored: a connector has one.

    Raises
    ------
    RecordError
        If there is none.
    """
    if not telescopes:
        raise RecordError("no telescope has a record: set [telescopes.NAME]")
    config = {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": ",".join(telescope.data for telescope in telescopes),
        "tasks.max": str(len(telescopes)),  # one partition each
        **_table(),
        **_messages(),
        **_fields(),
        **_errors(dlq_topic(telescopes)),
    }
    return {"name": NAME, "config": config}


def dlq_topic(telescopes: Sequence[Telescope]) -> str:
    """Return where the connector puts what it cannot read."""
    return telescopes[0].data_dlq


def text(telescopes: Sequence[Telescope]) -> str:
    """Return the connector as a file; RecordError without a telescope."""
    return json.dumps(connector(telescopes), indent=2) + "\n"


def _table() -> dict[str, str]:
    url = "jdbc:postgresql://${env:CONNECT_POSTGRES}?reWriteBatchedInserts=true"
    return {
        "connection.url": url,
        "connection.username": "${env:CONNECT_POSTGRES_USER}",
        "connection.password": "${env:CONNECT_SECRET_POSTGRES}",
        # Without this a task ends for good 0.6 s after Postgres went away.
        "connection.restart.on.errors": "true",
        "flush.max.retries": str(TRIES),
        "flush.retry.delay.ms": str(TRY_AGAIN_MS),
        "collection.name.format": TelescopeDataRaw.__tablename__,
        "insert.mode": "upsert",  # what Kafka hands out again makes no second row
        "primary.key.mode": "record_value",
        "primary.key.fields": "data_id",
        "schema.evolution": "none",
        "delete.enabled": "false",
        "batch.size": str(BATCH),
        "use.reduction.buffer": "true",
    }


def _messages() -> dict[str, str]:
    return {
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        f"{_CONVERTER}.url": "${env:CONNECT_REGISTRY}/apis/registry/v2",
        f"{_CONVERTER}.as-confluent": "true",  # ids of four bytes
        # Confluent's interface hands these out; by the default's another schema would be read.
        f"{_CONVERTER}.use-id": "contentId",
        f"{_CONVERTER}.headers.enabled": "false",
        f"{_CONVERTER}.auto-register": "false",
        f"{_CONVERTER}.fault-tolerant-refresh": "true",
    }


def _fields() -> dict[str, str]:
    """Let through what has every field, by its column's name, and nothing beside."""
    names = ",".join(field.name for field in describe(TelescopeData))
    return {
        "predicates": "empty",
        "predicates.empty.type": f"{_TRANSFORMS}.predicates.RecordIsTombstone",
        "transforms": "skip,need,rename",
        "transforms.skip.type": f"{_TRANSFORMS}.Filter",  # without a value a task would end
        "transforms.skip.predicate": "empty",
        "transforms.need.type": f"{_TRANSFORMS}.ValueToKey",  # refuses Avro of another schema
        "transforms.need.fields": names,
        "transforms.rename.type": f"{_TRANSFORMS}.ReplaceField$Value",
        "transforms.rename.include": names,
        "transforms.rename.renames": ",".join(":".join(pair) for pair in COLUMN_OF.items()),
    }


def _errors(topic: str) -> dict[str, str]:
    """Let one message that cannot be read stop no other; errors of the database always do."""
    return {
        "errors.tolerance": "all",
        "errors.log.enable": "true",
        "errors.deadletterqueue.topic.name": topic,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
