"""Schema registries by Confluent's REST interface: Rubin's is asked for schemas, ours for ids."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from broker.errors import TransientError
from pipeline.clients.redirects import NoRedirect

TIMEOUT_S = 5.0
MAX_REPLY_BYTES = 2 * 2**20
_HEADERS = {"Content-Type": "application/vnd.schemaregistry.v1+json"}

Found = TypeVar("Found")


class SchemaRegistry:
    """Schemas of one registry; every call may be repeated.

    Parameters
    ----------
    url : str
        Address before ``/schemas/ids/{id}``, http or https.
    timeout_s : float
        For connecting, and between two pieces of a reply.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"a registry's address: {url!r} is neither http nor https")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(NoRedirect)

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

    def register(self, subject: str, definition: bytes) -> int:
        """Return the id of a schema under a subject, which gets one now if it has none.

        The subject takes any version: what others change in their schemas is theirs to decide.

        Raises
        ------
        TransientError
            If the registry is away, busy, or answers something else.
        """
        place = quote(subject, safe="")
        self._ask("PUT", f"{self._url}/config/{place}", {"compatibility": "NONE"})
        url = f"{self._url}/subjects/{place}/versions"
        body = self._ask("POST", url, {"schema": definition.decode()})
        if body is None:
            raise TransientError(f"registry: POST {url}: 404")
        return _field(url, body, lambda reply: int(reply["id"]))

    def _ask(self, method: str, url: str, sent: Any = None) -> bytes | None:
        """Return the body of a reply, or None where there is no such thing."""
        data = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(url, data, _HEADERS, method=method)  # noqa: S310 checked in __init__
        try:
            with self._opener.open(request, timeout=self._timeout_s) as reply:
                body: bytes = reply.read(MAX_REPLY_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise TransientError(f"registry: {method} {url}: {error.code}") from error
        except (OSError, HTTPException) as error:  # the latter: a reply that is no HTTP, or is cut
            raise TransientError(f"registry: {method} {url}: {error!r}") from error
        if len(body) > MAX_REPLY_BYTES:
            raise TransientError(f"registry: {method} {url}: more than {MAX_REPLY_BYTES} bytes")
        return body


def _field(url: str, body: bytes, read: Callable[[Any], Found]) -> Found:
    try:
        return read(json.loads(body))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TransientError(f"registry: {url}: no schema in the reply") from error
