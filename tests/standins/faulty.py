"""A WSGI application on a free port, whose wire fails on request."""

import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, NamedTuple

from cheroot import wsgi

Answer = Callable[[Any, Any], Any]
Fault = Callable[["Faulty", Answer, dict[str, Any], Any], Any]


class Asked(NamedTuple):
    method: str
    path: str


class Faulty:
    """What was asked, what goes wrong next (per method, in order)."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.is_closing = threading.Event()


def status(code: int, **headers: str) -> Fault:
    """Answer so once, without doing anything."""

    def answer(_server: Any, _dav: Any, environ: Any, start_response: Any) -> list[bytes]:
        while environ["wsgi.input"].read(65_536):
            pass
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(f"{code} {HTTPStatus(code).phrase}", [("Content-Length", "0"), *named])
        return []

    return answer


def hang(server: Faulty, dav: Answer, environ: Any, start_response: Any) -> Any:
    """Take the request and stay silent until the server closes."""
    server.is_closing.wait(20)
    return status(500)(server, dav, environ, start_response)


def cut(after_bytes: int) -> Fault:
    """Drop the connection once so much of the body has come."""

    def drop(_server: Any, _dav: Any, environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(after_bytes)
        with suppress(OSError):
            environ["test.socket"].shutdown(socket.SHUT_RDWR)
        return status(500)(_server, _dav, {"wsgi.input": _Nothing()}, start_response)

    return drop


def cut_after(server: Faulty, dav: Answer, environ: Any, start_response: Any) -> Any:
    """Do what is asked, and drop the connection instead of an answer."""
    done = list(dav(environ, lambda *_: None))
    environ["test.socket"].shutdown(socket.SHUT_RDWR)
    start_response("200 OK", [])
    return done


def cut_answer(after_bytes: int) -> Fault:
    """Do what is asked, and drop the connection once so much of the answer has gone."""

    def begin(_server: Any, true_app: Answer, environ: Any, start_response: Any) -> Any:
        yield b"".join(true_app(environ, start_response))[:after_bytes]
        environ["test.socket"].shutdown(socket.SHUT_RDWR)

    return begin


def shorten(to_bytes: int) -> Fault:
    """Store only the beginning of the body, and say that all is well."""

    def store(_server: Any, dav: Answer, environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"] = _Short(environ["wsgi.input"], to_bytes)
        environ["CONTENT_LENGTH"] = str(to_bytes)
        return dav(environ, start_response)

    return store


class _Nothing:
    def read(self, _size: int = -1) -> bytes:
        return b""


class _Short:
    def __init__(self, source: Any, left: int) -> None:
        self._source, self._left = source, left

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(min(size if size >= 0 else self._left, self._left))
        self._left -= len(piece)
        return piece


class _Gateway(wsgi.Gateway_10):
    """Hands the connection to the faults."""

    def get_environ(self) -> dict[str, Any]:
        return super().get_environ() | {"test.socket": self.req.conn.socket}


@contextmanager
def serving(server: Faulty, true_app: Answer, root: str) -> Iterator[None]:
    """Serve an application below ``root``; its faults come first."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        method = environ["REQUEST_METHOD"]
        server.asked.append(Asked(method, environ["PATH_INFO"].removeprefix(f"{root}/")))
        if server.faults[method]:
            return server.faults[method].pop(0)(server, true_app, environ, start_response)
        return true_app(environ, start_response)

    web = wsgi.Server(("127.0.0.1", 0), app, numthreads=3, shutdown_timeout=1)
    web.gateway, web.expiration_interval = _Gateway, 0.02
    web.prepare()
    server.port = web.bind_addr[1]
    thread = threading.Thread(target=web.serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.is_closing.set()
        web.stop()
        thread.join(5)
