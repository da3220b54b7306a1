"""The upstream schema registry (Confluent's REST interface), asked for one schema by its id."""

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from broker.errors import TransientError
from pipeline.clients.redirects import NoRedirect

TIMEOUT_S = 5.0
MAX_REPLY_BYTES = 2 * 2**20


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
            raise ValueError(f"lsst.registry_url: {url!r} is neither http nor https")
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
        try:
            with self._opener.open(url, timeout=self._timeout_s) as reply:
                body = reply.read(MAX_REPLY_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise TransientError(f"registry: GET {url}: {error.code}") from error
        except (OSError, HTTPException) as error:  # the latter: a reply that is no HTTP, or is cut
            raise TransientError(f"registry: GET {url}: {error!r}") from error
        return _definition(url, body)


def _definition(url: str, body: bytes) -> Any:
    if len(body) > MAX_REPLY_BYTES:
        raise TransientError(f"registry: GET {url}: more than {MAX_REPLY_BYTES} bytes")
    try:
        return json.loads(json.loads(body)["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TransientError(f"registry: GET {url}: no schema in the reply") from error
