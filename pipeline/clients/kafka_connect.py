"""Kafka Connect's REST interface: how a connector is, and what it reads."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from broker.errors import TransientError
from pipeline.clients import bounded

MAX_REPLY_BYTES = 2**20
FAILED = "FAILED"


@dataclass(frozen=True)
class Part:
    """The connector itself, or one of its tasks.

    Attributes
    ----------
    name : str
        For people.
    state : str
        RUNNING, PAUSED, FAILED …
    trace : str
        The first line of what it failed with.
    """

    name: str
    state: str
    trace: str = ""


class KafkaConnect:
    """One worker; every call may be repeated.

    Parameters
    ----------
    url : str
        Of its REST interface.
    timeout_s : float
        Of each call.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        headers = {"Connection": "close"}  # it is asked once in a while
        self._http = bounded.client(base_url=self._url, timeout=timeout_s, headers=headers)

    def parts(self, connector: str) -> list[Part] | None:
        """Return how a connector and its tasks are, or None where it is not deployed.

        Raises
        ------
        TransientError
            If the worker is away, busy, or answers something else.
        """
        found = self._ask(f"/connectors/{quote(connector, safe='')}/status")
        return None if found is None else self._read(found, _parts)

    def topics(self, connector: str) -> frozenset[str] | None:
        """Return what a connector reads, or None where it is not deployed.

        Raises
        ------
        TransientError
            If the worker is away, busy, or answers something else.
        """
        found = self._ask(f"/connectors/{quote(connector, safe='')}/config")
        return None if found is None else self._read(found, _topics)

    def _ask(self, path: str) -> bytes | None:
        server = f"Kafka Connect {self._url}"
        try:
            status, body = bounded.get(
                self._http, server, path, MAX_REPLY_BYTES, "application/json"
            )
        except bounded.TooLargeError as error:
            raise TransientError(str(error)) from error
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise TransientError(f"{server}: GET {path}: {status}")
        return body

    def _read(self, body: bytes, read: Any) -> Any:
        try:
            return read(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            said = f"Kafka Connect {self._url} answers something else: {error!r}"
            raise TransientError(said) from error


def _parts(reply: Any) -> list[Part]:
    connector = reply["connector"]
    return [
        Part("the connector", connector["state"], _first(connector)),
        *(Part(f"task {each['id']}", each["state"], _first(each)) for each in reply["tasks"]),
    ]


def _first(part: Any) -> str:
    """Return what a person wants to know of a trace: its last cause."""
    lines = str(part.get("trace", "")).splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes or lines[:1] or [""])[-1]


def _topics(reply: Any) -> frozenset[str]:
    return frozenset(reply["topics"].split(","))
