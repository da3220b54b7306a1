"""Where a broker is and who we are there, as librdkafka wants to hear it."""

from collections.abc import Mapping
from typing import Any, Literal

from broker.config import KafkaSettings, config

Principal = Literal["pipeline", "admin", "feed"]
Connection = Mapping[str, Any]


def own_connection(principal: Principal = "pipeline") -> dict[str, Any]:
    """Return how a principal of ours reaches the inside listener of our own broker."""
    kafka = config().kafka
    username, password = _login(kafka, principal)
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        **_security(kafka.security_protocol, kafka.sasl_mechanism, username, password),
    }


def stream_connection(stream: str) -> dict[str, Any]:
    """Return how an input stream is reached: a foreign broker, or our own."""
    source = config().streams.named(stream)
    if not source.bootstrap_servers:
        return own_connection()
    return {
        "bootstrap.servers": source.bootstrap_servers,
        **_security(
            source.security_protocol,
            source.sasl_mechanism,
            source.username,
            source.password.get_secret_value(),
        ),
    }


def _login(kafka: KafkaSettings, principal: Principal) -> tuple[str, str]:
    secret = {
        "pipeline": (kafka.username, kafka.password),
        "admin": (kafka.admin_username, kafka.admin_password),
        "feed": (kafka.feed_username, kafka.feed_password),
    }
    username, password = secret[principal]
    return username, password.get_secret_value()


def _security(protocol: str, mechanism: str, username: str, password: str) -> dict[str, Any]:
    if not protocol.startswith("SASL"):
        return {"security.protocol": protocol}
    return {
        "security.protocol": protocol,
        "sasl.mechanism": mechanism,
        "sasl.username": username,
        "sasl.password": password,
    }
