"""People's consumers: how they log in, and what they are told."""

import time
from typing import Any

from confluent_kafka import Consumer

PATIENCE_S = 120.0
POLL_S = 0.2
REVOKED_WITHIN_S = 5.0
"""What is promised: a running consumer reads nothing after this time, and has been told so."""


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


def refusal(reading: Consumer, taken_at_s: float) -> tuple[str, float]:
    """Return the first error of a running consumer, which is closed then, and how late it came [s].

    Parameters
    ----------
    reading : Consumer
        It reads until it is told otherwise.
    taken_at_s : float
        When its rights were taken, by the monotonic clock.
    """
    give_up_at = taken_at_s + PATIENCE_S
    while (word := next_word(reading)) == "message":
        assert time.monotonic() < give_up_at, "it reads on and on"
    late_s = time.monotonic() - taken_at_s
    print(f"told {word} after {late_s:.2f} s")
    reading.close()
    return word, late_s
