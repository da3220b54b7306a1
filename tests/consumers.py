"""People's consumers: how they log in, and what they are told."""

import time
from typing import Any

from confluent_kafka import Consumer

PATIENCE_S = 120.0
POLL_S = 0.2


def consumer(username: str, password: str, servers: str, group: str, **settings: Any) -> Consumer:
    """Return a consumer of a person's, from the beginning where its settings say nothing else."""
    beginning = {"auto.offset.reset": "earliest"}
    connection = login(username, password, servers)
    return Consumer({**connection, "group.id": group, **beginning, **settings})


def login(username: str, password: str, servers: str) -> dict[str, Any]:
    """Return the settings of a client by which a person logs in."""
    return {
        "bootstrap.servers": servers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": username,
        "sasl.password": password,
        "log_level": 0,
    }


def next_of(reading: Consumer) -> tuple[str | None, bytes | None]:
    """Wait for the next error and return its name, or for the next message and return it."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        message = reading.poll(POLL_S)
        if message is not None:
            error = message.error()
            return (error.name(), None) if error else (None, message.value())
    raise AssertionError("neither a message nor an error")


def next_word(reading: Consumer) -> str:
    """Wait and return ``message``, or the name of the next error."""
    return next_of(reading)[0] or "message"


def refusal(reading: Consumer) -> str:
    """Return the first error of a running consumer, which is closed then."""
    while (word := next_word(reading)) == "message":
        pass
    reading.close()
    return word
