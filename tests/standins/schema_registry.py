"""A schema registry over real HTTP, which fails on request; the real one takes 300 MB."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Answers(BaseHTTPRequestHandler):
    """Notes what is asked in ``server.asked``; who inherits it answers."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def reply(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


class _Schemas(Answers):
    """Answers ``GET /schemas/ids/{id}`` from ``server.known``; an id may name a fault."""

    def answer(self) -> None:
        folder, _, name = urlsplit(self.path).path.rpartition("/")
        answer = self.server.known.get(int(name)) if folder.endswith("/schemas/ids") else None
        if callable(answer):
            answer(self)
        elif answer is None:
            self.reply(404, {"error_code": 40403, "message": "Schema not found"})
        else:
            self.reply(200, {"schema": json.dumps(answer)})


def busy(handler: Any) -> None:
    handler.reply(503, {"message": "busy"})


def refusing(handler: Any) -> None:
    handler.reply(422, {"error_code": 42205, "message": "Subject is in read-only mode"})


def moved(handler: Any) -> None:
    handler.reply(302, b"", Location="http://elsewhere.invalid/schemas/ids/1")


def garbage(handler: Any) -> None:
    handler.reply(200, b"<html>")


def oversized(handler: Any) -> None:
    handler.reply(200, b" " * (3 * 2**20))


def cut(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


def hanging(_: Any) -> None:
    time.sleep(1)


@contextmanager
def serving(answers: type[Answers], known: dict[Any, Any]) -> Iterator[ThreadingHTTPServer]:
    """Run a server on a free port; ``asked`` lists the paths of its requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    server.known, server.asked, server.daemon_threads = known, [], True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def schema_registry(schemas: dict[int, Any]) -> Iterator[ThreadingHTTPServer]:
    """Run a registry of these schemas."""
    with serving(_Schemas, schemas) as server:
        yield server


class _Registering(Answers):
    """Gives ids to schemas, one for each text under ``server.known``; ``fault`` names a fault."""

    def do_PUT(self) -> None:
        self.server.asked.append(self.path)
        self._sent()
        self.reply(200, {"compatibility": "NONE"})

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        text = self._sent()["schema"]
        if fault := self.server.known.get("fault"):
            fault(self)
        else:
            ids = self.server.known.setdefault("ids", {})
            number = ids.setdefault(text, 7 + len(ids))
            self.reply(200, {"id": number, "version": 1, "schema": text})

    def answer(self) -> None:
        """Give a schema out by its id."""
        name = urlsplit(self.path).path.rpartition("/")[2]
        ids = self.server.known.get("ids", {})
        found = [text for text, known in ids.items() if str(known) == name]
        self.reply(200, {"schema": found[0]}) if found else self.reply(404, {})

    def _sent(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))


@contextmanager
def registering() -> Iterator[ThreadingHTTPServer]:
    """Run a registry that takes schemas; ``known`` may name a fault."""
    with serving(_Registering, {}) as server:
        yield server


class _LookingUp(Answers):
    """Answers look-ups of texts and of ids from ``server.known``; ``fault`` names a fault."""

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        subject = urlsplit(self.path).path.removeprefix("/subjects/")
        schema_id = self.server.known["subjects"].get(subject)
        if fault := self.server.known.get("fault"):
            fault(self)
        elif schema_id is None:
            self.reply(404, {"error_code": 40401, "message": "Subject not found"})
        elif text != self.server.known["schemas"][schema_id]:
            self.reply(404, {"error_code": 40403, "message": "Schema not found"})
        else:
            self.reply(200, {"schema": text, "id": schema_id, "version": 1, "subject": subject})

    def answer(self) -> None:
        name = urlsplit(self.path).path.removeprefix("/schemas/ids/")
        text = self.server.known["schemas"].get(int(name))
        if fault := self.server.known.get("fault"):
            fault(self)
        elif text is None:
            self.reply(404, {"error_code": 40403, "message": "Schema not found"})
        else:
            self.reply(200, {"schema": text})


@contextmanager
def looking_up(schemas: dict[int, str], subjects: dict[str, int]) -> Iterator[ThreadingHTTPServer]:
    """Run a registry of schemas, each of one version; ``known`` may name a fault."""
    with serving(_LookingUp, {"schemas": schemas, "subjects": subjects}) as server:
        yield server
