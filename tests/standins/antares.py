"""ANTARES's REST interface over real HTTP, which fails on request."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from broker.sections.antares import AntaresSettings
from tests.standins.schema_registry import Answers, serving


class _Paths(Answers):
    """Answers from ``server.known``: a path to a list, an image, a fault or a queue of these."""

    def answer(self) -> None:
        found = self.server.known.get(self.path)
        if isinstance(found, Later):
            found = found.next()
        if callable(found):
            found(self)
        elif found is None:
            self.reply(404, {"errors": [{"status": "404"}]})
        elif isinstance(found, bytes):
            self.reply(200, found)
        else:
            self.reply(200, {"data": found, "links": {"self": self.path, "next": None}})


class Later:
    """One answer after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def next(self) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def antares(known: dict[str, Any]) -> Iterator[ThreadingHTTPServer]:
    """Run the interface with these answers."""
    with serving(_Paths, known) as server:
        yield server


def settings(url: str, **given: Any) -> AntaresSettings:
    """Return the settings that lead to a stand-in, impatient ones."""
    quick = {"connect_timeout_s": 1, "read_timeout_s": 0.3, "tries": 2}
    return AntaresSettings(**{"url": f"{url}/v2"} | quick | given)


def alert(alert_id: str, mjd: float, **fields: Any) -> dict[str, Any]:
    """Return a row of ``loci/{id}/alerts``, with Rubin's fields as ANTARES names them."""
    properties = {f"lsst_diaSource_{name}": value for name, value in fields.items()}
    return {
        "id": alert_id, "mjd": mjd, "created_at": "2026-11-22T21:00:00Z", "survey": "lsst",
        "properties": properties | {"ant_survey": 4}, "grav_wave_events": [],
    }  # fmt: skip


def thumbnail(kind: str, src: str) -> dict[str, str]:
    """Return a row of ``alerts/{id}/thumbnails``."""
    return {"id": f"{kind}.fits", "filemime": "image/fits", "src": src, "thumbnail_type": kind}
