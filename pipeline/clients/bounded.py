"""One GET whose answer is bounded, in bytes and in time; no redirect is followed."""

import time
from http import HTTPStatus

import httpx

from broker.errors import TransientError

MOST_S = 60.0
"""Of a whole answer: time limits of HTTP clients hold between two pieces of it."""


class TooLargeError(Exception):
    """An answer is larger than it may be."""


def get(
    http: httpx.Client, server: str, path: str, limit_bytes: int, accept: str
) -> tuple[int, bytes]:
    """Return status and body of an answer that is final.

    Parameters
    ----------
    http : httpx.Client
        With the server's address and timeouts.
    server : str
        Its name, for errors.
    path : str
        Below the address.
    limit_bytes : int
        Of the body.
    accept : str
        Media type.

    Raises
    ------
    TransientError
        If the server is away or busy, or its answer takes longer than ``MOST_S``.
    TooLargeError
        If the body has more bytes.
    """
    call = f"{server}: GET {path}"
    body = bytearray()
    ends_at_s = time.monotonic() + MOST_S
    try:
        with http.stream("GET", path, headers={"Accept": accept}) as reply:
            for piece in reply.iter_bytes():
                body += piece
                if len(body) > limit_bytes:
                    raise TooLargeError(f"{call}: more than {limit_bytes} bytes")
                if time.monotonic() > ends_at_s:
                    raise TransientError(f"{call}: more than {MOST_S:.0f} s")
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise TransientError(f"{call}: {error!r}") from error
    status = reply.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or reply.is_server_error:
        raise TransientError(f"{call}: {status} {reply.reason_phrase}")
    return status, bytes(body)
