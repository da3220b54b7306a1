"""Try a login: a person's on a public listener of our own broker, or ours at GCN."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from broker.config import config
from broker.kafka_connection import gcn_connection

LOGIN_S = 10.0
VISIBLE_S = 10.0
STEP_S = 0.1
FIRST_CALL_S, LONGEST_CALL_S, GROWTH = 0.3, 9.0, 3


class LoginOutcome(StrEnum):
    """What became of a login."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def probe_login(principal: str, password: str, servers: str) -> bool:
    """Return whether a person can log in; secrets become visible a moment after a grant."""
    deadline = time.monotonic() + VISIBLE_S
    while try_login(principal, password, servers) is not LoginOutcome.ACCEPTED:
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP_S)
    return True


def try_login(
    principal: str, password: str, servers: str, *, limit_s: float = LOGIN_S
) -> LoginOutcome:
    """Log in once on a public listener.

    A refusal reaches a client only through its error callback; the call itself merely times out,
    so the callback is served between calls.
    """
    refused = threading.Event()
    consumer = public_consumer(
        principal, password, servers, refused, {"group.id": "nightjar-login-probe"}
    )
    try:
        return await_login(consumer, refused, limit_s)
    finally:
        consumer.close()


def try_gcn(limit_s: float = LOGIN_S) -> LoginOutcome:
    """Log in once where GCN's notices come from, as the listeners do; nothing is read."""
    refused = threading.Event()
    probe = {"group.id": f"{config().gcn.group_id}-probe"}
    consumer = _consumer({**gcn_connection(), **probe}, refused)
    try:
        return await_login(consumer, refused, limit_s)
    finally:
        consumer.close()


def public_consumer(
    principal: str,
    password: str,
    servers: str,
    refused: threading.Event,
    settings: Mapping[str, Any],
) -> Consumer:
    """Return a consumer on a public listener, which sets ``refused`` when its login is."""
    login = {
        "bootstrap.servers": servers,
        "broker.address.family": "v4",
        "security.protocol": config().kafka.public_protocol,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": principal,
        "sasl.password": password,
    }
    return _consumer({**login, **settings}, refused)


def _consumer(settings: Mapping[str, Any], refused: threading.Event) -> Consumer:
    def note(error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:
            refused.set()

    return Consumer({**settings, "log_level": 0, "error_cb": note})


def await_login(consumer: Consumer, refused: threading.Event, limit_s: float) -> LoginOutcome:
    """Wait until the broker has answered a consumer of ``public_consumer``, or refused it.

    A call that times out asks anew, so each may last longer than the one before: a broker that is
    far away or busy, and needs a quarter of a second for an answer, would never be in time.
    """
    deadline = time.monotonic() + limit_s
    call_s = FIRST_CALL_S
    while time.monotonic() < deadline:
        with suppress(KafkaException):
            consumer.list_topics(timeout=min(call_s, max(deadline - time.monotonic(), STEP_S)))
            return LoginOutcome.ACCEPTED
        consumer.poll(0)  # serves the error callback
        if refused.is_set():
            return LoginOutcome.REFUSED
        call_s = min(GROWTH * call_s, LONGEST_CALL_S)
    return LoginOutcome.UNREACHABLE
