"""Readers of topics: how one gets an account, logs in and consumes, and what it is told."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from accounts.principals import Reader, email_reader, named_reader
from broker.config import config
from broker.kafka_admin import grant_reader, probe_login, revoke
from tests import consumers, native

DAY_MS = 86_400_000
PATIENCE_S = 30.0
STEP_S = 0.1
ENDS = {"enable.partition.eof": True}
KINDS = ["email", "named"]


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


def login(parts: native.Parts, reader: Reader, port: int = 0) -> dict[str, Any]:
    return consumers.login(reader.username, reader.password, parts.public_servers[port])


def own_group(reader: Reader) -> str:
    """Return a group that begins as the reader's must, and that nobody else uses."""
    return f"{reader.group_prefix}-{uuid.uuid4().hex[:8]}"


def consumer(
    connection: dict[str, Any], group: str, offset: str = "earliest", **settings: Any
) -> Consumer:
    return Consumer({**connection, "group.id": group, "auto.offset.reset": offset} | settings)


def first(reading: Consumer) -> tuple[str | None, bytes | None]:
    """Return the name of the first error, or the first message; and close."""
    try:
        return consumers.next_of(reading)
    finally:
        reading.close()


def next_end(reading: Consumer) -> tuple[str, int]:
    """Return the next partition whose end was reached; anything else is an error."""
    message = reading.poll(PATIENCE_S)
    assert message is not None
    return end(message)


def end(message: Message) -> tuple[str, int]:
    """Return the partition whose end a message tells of."""
    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
    return message.topic(), message.partition()


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
