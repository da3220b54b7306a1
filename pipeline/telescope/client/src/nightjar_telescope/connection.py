"""How Kafka is reached, and what its answers mean to an application."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from nightjar_telescope.errors import RefusedError, UnavailableError

CONNECT_S = 15.0
ASKED_S = 1.0
SECURITY = ("security.", "sasl.", "ssl.", "broker.address.")
"""What settings of a login begin with, in librdkafka's names."""
REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.INVALID_GROUP_ID,
    }
)
"""Answers that stay as they are until somebody changes rights."""

log = logging.getLogger("nightjar_telescope")


class Connection:
    """Settings of a client of Kafka's, and what its connection has met.

    Parameters
    ----------
    bootstrap_servers : str or list of str
        Addresses ``host:port``.
    client_id : str
        Name in the broker's logs.
    security : mapping, optional
        Login in librdkafka's names: ``security.protocol``, ``sasl.mechanism``, ``sasl.username``,
        ``sasl.password``, ``ssl.ca.location`` …

    Raises
    ------
    ValueError
        If ``security`` holds anything else.
    """

    def __init__(
        self,
        bootstrap_servers: str | list[str],
        client_id: str,
        security: Mapping[str, Any] | None,
    ) -> None:
        foreign = [name for name in security or {} if not name.startswith(SECURITY)]
        if foreign:
            raise ValueError(f"security: {', '.join(foreign)}: only names that begin {SECURITY}")
        servers = bootstrap_servers
        self.servers = servers if isinstance(servers, str) else ",".join(servers)
        self.settings: dict[str, Any] = {
            **(security or {}),
            "bootstrap.servers": self.servers,
            "client.id": client_id,
            "error_cb": self._note,
            "logger": log,
        }
        self._refusal = ""

    def _note(self, error: KafkaError) -> None:
        """Keep what only the error callback is told; everything else comes with an answer too."""
        if error.code() == KafkaError._AUTHENTICATION:
            self._refusal = error.str()
        log.warning("Kafka %s: %s", self.servers, error.str())

    def raise_refusal(self) -> None:
        """Raise what the broker said to our login.

        Raises
        ------
        RefusedError
            If it refused it; once for each time.
        """
        refusal, self._refusal = self._refusal, ""
        if refusal:
            raise RefusedError(f"Kafka {self.servers}: {refusal}")

    def meet(self, client: Any, topic: str) -> Any:
        """Return what the broker says of a topic; blocks until it has answered.

        Raises
        ------
        UnavailableError
            If it does not within 15 s.
        RefusedError
            If it refuses the login, or the topic to it.
        """
        deadline = time.monotonic() + CONNECT_S
        while True:
            try:
                found = client.list_topics(topic, ASKED_S).topics[topic]
            except KafkaException as error:
                client.poll(0)  # serves the error callback, which alone hears of a refused login
                self.raise_refusal()
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"Kafka {self.servers}: {error.args[0].str()}"
                    ) from error
            else:
                self.raise_if_refused(found.error, topic)
                return found

    def raise_if_refused(self, error: KafkaError | None, what: str) -> None:
        """Raise an answer that stays as it is.

        Raises
        ------
        RefusedError
            If the error is one.
        """
        if error is not None and error.code() in REFUSALS:
            raise RefusedError(f"Kafka {self.servers}: {what}: {error.str()}")
