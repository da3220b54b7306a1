"""GraceDB's lists of files and the files themselves, over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.standins.schema_registry import Answers, serving


class _Files(Answers):
    """Answers from ``server.known``: path to bytes, to a list of names, or to a fault."""

    def answer(self) -> None:
        found = self.server.known.get(unquote(self.path))
        if callable(found):
            found(self)
        elif isinstance(found, list):
            self.reply(200, {name: f"http://elsewhere.invalid/{name}" for name in found})
        elif found is None:
            self.reply(404, {"detail": "Not found."})
        else:
            self.reply(200, found)


@contextmanager
def gracedb(known: dict[str, Any]) -> Iterator[ThreadingHTTPServer]:
    """Run a GraceDB that knows these paths."""
    with serving(_Files, known) as server:
        yield server
