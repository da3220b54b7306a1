"""Where a broker is, who we are there, and what its refusals mean to us."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Literal, NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from broker.config import config, project_path
from broker.errors import TransientError
from broker.sections.parts import KafkaSettings
from broker.sections.streams import StreamSettings

REQUEST_S = 10
"""Longest that a request of the admin interface may take."""
ANSWER_S = 15
"""Longest that we wait for its answer."""

LIBRARY_LOG_LEVEL = 2
"""Only what ends a client: librdkafka writes past our logs, 20 lines a second while a broker is
away (measured). Every error reaches us as an exception or in a delivery report."""

_T = TypeVar("_T")

Principal = Literal["pipeline", "admin", "feed"]
Connection = Mapping[str, Any]
Partition = tuple[str, int]
"""Topic and number."""


class LoginRefusedError(TransientError):
    """The broker refuses our login or certificate, or we its; that rarely passes by itself."""


def connected(make: Callable[[dict[str, Any]], _T], settings: Mapping[str, Any]) -> _T:
    """Return a client of librdkafka's with these settings.

    Raises
    ------
    LoginRefusedError
        If a file of certificates is not there, or is none.
    """
    try:
        return make(dict(settings))
    except KafkaException as error:
        file = settings.get("ssl.ca.location", "none")
        raise LoginRefusedError(f"Kafka: {error.args[0].str()}; ca_file: {file}") from error


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
    return source_connection(config().streams.named(stream))


def source_connection(source: StreamSettings) -> dict[str, Any]:
    """Return how what these settings name is reached: a foreign broker, or our own."""
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
        **_tls(source),
    }


def _tls(source: StreamSettings) -> dict[str, Any]:
    """Return whose certificates of a foreign broker are believed."""
    if not source.security_protocol.endswith("SSL"):
        return {}
    authority = {"ssl.ca.location": str(project_path(source.ca_file))} if source.ca_file else {}
    checks = {} if source.check_host else {"ssl.endpoint.identification.algorithm": "none"}
    return authority | checks


def gcn_connection() -> dict[str, Any]:
    """Return how GCN is reached, as its own client does; without a ``client_id`` our own broker."""
    gcn = config().gcn
    if not (gcn.client_id or gcn.bootstrap_servers):
        return own_connection()
    protocol = gcn.security_protocol or ("SASL_SSL" if gcn.client_id else "PLAINTEXT")
    found = {
        "bootstrap.servers": gcn.bootstrap_servers or f"kafka.{gcn.domain}",
        "security.protocol": protocol,
        "log_level": LIBRARY_LOG_LEVEL,
    }
    if not protocol.startswith("SASL"):
        return found
    return found | {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": gcn.client_id,
        "sasl.oauthbearer.client.secret": gcn.client_secret.get_secret_value(),
        "sasl.oauthbearer.token.endpoint.url": f"https://auth.{gcn.domain}/oauth2/token",
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
    common = {"security.protocol": protocol, "log_level": LIBRARY_LOG_LEVEL}
    if not protocol.startswith("SASL"):
        return common
    return common | {
        "sasl.mechanism": mechanism,
        "sasl.username": username,
        "sasl.password": password,
    }


def admin_client() -> AdminClient:
    """Return a connection of ``admin`` to our own broker."""
    return AdminClient(own_connection("admin"))


def answer(future: Future[_T]) -> _T:
    """Return what the admin interface answered; trouble that passes is a TransientError."""
    return answer_of(lambda: future.result(ANSWER_S))


def answer_of(call: Callable[[], _T]) -> _T:
    """Return what ``call`` returns; trouble that passes is a TransientError."""
    try:
        return call()
    except KafkaException as error:
        raise_told(error)


def raise_told(error: KafkaException) -> NoReturn:
    """Raise ``error`` again, as a TransientError when it passes by itself."""
    cause: KafkaError = error.args[0]
    if cause.retriable() or cause.code() < 0:  # negative: librdkafka's own, time-outs and sockets
        raise TransientError(f"Kafka: {cause.str()}") from error
    raise error
