"""Schema registries by Confluent's REST interface: Rubin's is asked for schemas, ours for ids."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from broker.errors import TransientError
from pipeline.clients import bounded

TIMEOUT_S = 5.0
MAX_REPLY_BYTES = 2 * 2**20
WHOLE_PATH = "the address needs its whole path, as http://localhost:8081/apis/ccompat/v7"
SAID_BYTES = 2000
"""Most of a refusal's text that is kept."""
_HEADERS = {
    "Content-Type": "application/vnd.schemaregistry.v1+json",
    "Connection": "close",  # calls are rare, and a registry need not keep one open for us
}

NOT_TAKEN = frozenset({HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})

Found = TypeVar("Found")


class SchemaRefusedError(Exception):
    """A registry does not take a schema: it fits its predecessors not, or is none."""


class Version(NamedTuple):
    """A schema as one version of a subject.

    Attributes
    ----------
    schema_id : int
        Its id; the same under every subject.
    number : int
        Of the version, from 1.
    definition : object
        What its JSON holds.
    """

    schema_id: int
    number: int
    definition: Any


class SchemaRegistry:
    """Schemas of one registry; every call may be repeated.

    Parameters
    ----------
    url : str
        Address before ``/schemas/ids/{id}``, http or https.
    timeout_s : float
        For a whole call, however slowly its reply drips.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"a registry's address: {url!r} is neither http nor https")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._http = bounded.client(timeout=timeout_s, headers=_HEADERS)

    def schema(self, schema_id: int) -> Any:
        """Return the definition with that id, or None where the registry has none.

        Raises
        ------
        TransientError
            If the registry is away, busy, or answers something else.
        """
        url = f"{self._url}/schemas/ids/{schema_id}"
        body = self._ask("GET", url)
        return (
            None if body is None else _field(url, body, lambda reply: json.loads(reply["schema"]))
        )

    def register(self, subject: str, definition: bytes, compatibility: str = "NONE") -> int:
        """Return the id of a schema under a subject, which gets one now if it has none.

        Parameters
        ----------
        subject : str
            Topic and ``-value``.
        definition : bytes
            The schema's JSON.
        compatibility : str
            What the subject takes from now on. NONE: any version; what others change in their
            schemas is theirs to decide.

        Raises
        ------
        TransientError
            If the registry is away, busy, or answers something else.
        SchemaRefusedError
            If it does not take the schema.
        """
        place = quote(subject, safe="")
        self._ask("PUT", f"{self._url}/config/{place}", {"compatibility": compatibility})
        url = f"{self._url}/subjects/{place}/versions"
        body = self._ask("POST", url, {"schema": definition.decode()})
        if body is None:
            raise TransientError(f"registry: POST {url}: 404; {WHOLE_PATH}")
        return _field(url, body, lambda reply: int(reply["id"]))

    def version(self, subject: str, definition: bytes) -> Version | None:
        """Return what a schema is under a subject, or None where it is not registered.

        Raises
        ------
        TransientError
            If the registry is away, busy, or answers something else.
        """
        url = f"{self._url}/subjects/{quote(subject, safe='')}"
        body = self._ask("POST", url, {"schema": definition.decode()})
        return None if body is None else _field(url, body, _version)

    def latest(self, subject: str) -> Version | None:
        """Return the newest version of a subject, or None where it has none.

        Raises
        ------
        TransientError
            If the registry is away, busy, or answers something else.
        """
        url = f"{self._url}/subjects/{quote(subject, safe='')}/versions/latest"
        body = self._ask("GET", url)
        return None if body is None else _field(url, body, _version)

    def _ask(self, method: str, url: str, sent: Any = None) -> bytes | None:
        """Return the body of a reply, or None where there is no such thing."""
        call = f"registry: {method} {url}"
        body = bytearray()
        try:
            with (
                bounded.until(time.monotonic() + self._timeout_s),
                self._http.stream(
                    method, url, content=None if sent is None else json.dumps(sent).encode()
                ) as reply,
            ):
                for piece in reply.iter_bytes():
                    body += piece
                    if len(body) > MAX_REPLY_BYTES:
                        raise TransientError(f"{call}: more than {MAX_REPLY_BYTES} bytes")
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TransientError(f"{call}: {error!r}") from error
        if reply.status_code == HTTPStatus.NOT_FOUND:
            return None
        if reply.status_code in NOT_TAKEN:
            text = bytes(body[:SAID_BYTES]).decode(errors="replace")
            raise SchemaRefusedError(f"{call}: {reply.status_code}: {text}")
        if not reply.is_success:
            raise TransientError(f"{call}: {reply.status_code}")
        return bytes(body)


def _field(url: str, body: bytes, read: Callable[[Any], Found]) -> Found:
    try:
        return read(json.loads(body))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TransientError(f"registry: {url}: no schema in the reply") from error


def _version(reply: Any) -> Version:
    return Version(int(reply["id"]), int(reply["version"]), json.loads(reply["schema"]))
