"""One GET whose answer is bounded, in bytes and in time; no redirect is followed.

Time limits of HTTP clients hold between two pieces of an answer: who sends a byte of a header each
second is never too late for them. So a client of ours counts what is left of one moment, the end of
the whole call, at every piece that it sends or reads.
"""

import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpcore
import httpx
from typing_extensions import override

from broker.errors import TransientError

MOST_S = 60.0
"""Of a whole answer, and of all before it."""

_ends = threading.local()


class TooLargeError(Exception):
    """An answer is larger than it may be."""


def client(**given: Any) -> httpx.Client:
    """Return a client whose every piece ends in time; ``given`` as httpx has it."""
    return httpx.Client(transport=_Transport(), trust_env=False, **given)


@contextmanager
def until(end_s: float) -> Iterator[None]:
    """Let every call of this thread end at a moment of ``time.monotonic()``, or sooner [s]."""
    outer_s = _end_s()
    _ends.at_s = min(end_s, outer_s)
    try:
        yield
    finally:
        _ends.at_s = outer_s


def is_over() -> bool:
    """Return whether the time of this thread's calls (``until``) is up."""
    return time.monotonic() >= _end_s()


def get(
    http: httpx.Client, server: str, path: str, limit_bytes: int, accept: str
) -> tuple[int, bytes]:
    """Return status and body of an answer that is final.

    Parameters
    ----------
    http : httpx.Client
        With the server's address and timeouts, made by ``client``.
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
        If the server is away or busy, or its answer takes longer than ``MOST_S``, or than the
        time that is left (``until``).
    TooLargeError
        If the body has more bytes.
    """
    call = f"{server}: GET {path}"
    body = bytearray()
    begun_s = time.monotonic()
    end_s = min(begun_s + MOST_S, _end_s())
    too_late = f"{call}: more than {max(0.0, end_s - begun_s):.1f} s"
    try:
        with until(end_s), http.stream("GET", path, headers={"Accept": accept}) as reply:
            for piece in reply.iter_bytes():
                body += piece
                if len(body) > limit_bytes:
                    raise TooLargeError(f"{call}: more than {limit_bytes} bytes")
                if time.monotonic() > end_s:
                    raise TransientError(too_late)
    except (httpx.TransportError, httpx.DecodingError) as error:
        is_late = time.monotonic() >= end_s
        raise TransientError(too_late if is_late else f"{call}: {error!r}") from error
    status = reply.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or reply.is_server_error:
        raise TransientError(f"{call}: {status} {reply.reason_phrase}")
    return status, bytes(body)


def _end_s() -> float:
    return getattr(_ends, "at_s", math.inf)


def _left_s(timeout_s: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """Return how long one piece may take; raise where nothing is left."""
    left_s = _end_s() - time.monotonic()
    if left_s <= 0:
        raise late("the time of the whole call is up")
    return timeout_s if left_s == math.inf else min(left_s, timeout_s or left_s)


class _Stream(httpcore.NetworkStream):
    """A connection whose every piece ends with the call's time."""

    def __init__(self, true: httpcore.NetworkStream) -> None:
        self._true = true

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._true.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._true.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    @override
    def close(self) -> None:
        self._true.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._true.start_tls(ssl_context, server_hostname, left_s))

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._true.get_extra_info(info)


class _Network(httpcore.SyncBackend):
    """Opens such connections."""

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left_s, local_address, socket_options))


class _Transport(httpx.HTTPTransport):
    """Sends over such a network; httpx has no word for it, httpcore, whose pool this is, has."""

    def __init__(self) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=_Network())
