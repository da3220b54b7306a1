"""A real WebDAV server (WsgiDAV) over HTTP on a free port, whose wire fails on request."""

import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from cheroot import wsgi

from broker.sections.outside import OwncloudSettings
from compose.native.webdav import application

USER = "grandma"
PASSWORD = "horse-battery-7"
ROOT = f"/remote.php/dav/files/{USER}"

Answer = Callable[[Any, Any], Any]
Fault = Callable[["WebDavServer", Answer, dict[str, Any], Any], Any]


class Asked(NamedTuple):
    method: str
    path: str


class WebDavServer:
    """What lies on disk, what was asked, what goes wrong next (per method, in order)."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.is_closing = threading.Event()

    def settings(self, **given: Any) -> OwncloudSettings:
        values = {
            "url": f"http://127.0.0.1:{self.port}{ROOT}",
            "user": USER,
            "password": PASSWORD,
            "connect_timeout_s": 2,
            "read_timeout_s": 20,
        }
        return OwncloudSettings(**values | given)

    def files(self) -> dict[str, bytes]:
        """Return every file by its path, those with temporary names too."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def folders(self) -> set[str]:
        return {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_dir()}


def status(code: int, **headers: str) -> Fault:
    """Answer so once, without doing anything."""

    def answer(_server: Any, _dav: Any, environ: Any, start_response: Any) -> list[bytes]:
        while environ["wsgi.input"].read(65_536):
            pass
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(f"{code} {HTTPStatus(code).phrase}", [("Content-Length", "0"), *named])
        return []

    return answer


def hang(server: WebDavServer, dav: Answer, environ: Any, start_response: Any) -> Any:
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


def cut_after(server: WebDavServer, dav: Answer, environ: Any, start_response: Any) -> Any:
    """Do what is asked, and drop the connection instead of an answer."""
    done = list(dav(environ, lambda *_: None))
    environ["test.socket"].shutdown(socket.SHUT_RDWR)
    start_response("200 OK", [])
    return done


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
def webdav_server(folder: Path) -> Iterator[WebDavServer]:
    """Run a server of the files below ``folder``."""
    dav = application(folder, ROOT, (USER, PASSWORD))

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        method = environ["REQUEST_METHOD"]
        server.asked.append(Asked(method, environ["PATH_INFO"].removeprefix(f"{ROOT}/")))
        if server.faults[method]:
            return server.faults[method].pop(0)(server, dav, environ, start_response)
        return dav(environ, start_response)

    web = wsgi.Server(("127.0.0.1", 0), app, numthreads=3, shutdown_timeout=1)
    web.gateway, web.expiration_interval = _Gateway, 0.02
    web.prepare()
    server = WebDavServer(folder, web.bind_addr[1])
    thread = threading.Thread(target=web.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.is_closing.set()
        web.stop()
        thread.join(5)
