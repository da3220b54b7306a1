"""A stand-in for ALeRCE over HTTP: detections and images of objects, some late, some absent.

It answers the routes that ``pipeline.clients.alerce`` and the public client ``alerce`` ask.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"
ZTF_OBJECTS = "/ztf/v1/objects/"
_JSON, _FITS, _HTML = "application/json", "application/fits", "text/html"


@dataclass(frozen=True)
class Shown:
    """One detection as ALeRCE shows it.

    Attributes
    ----------
    id : int
        candid, or LSST's measurement_id.
    mjd : float
        As ALeRCE gives it: ZTF's in UTC, LSST's in TAI.
    images : mapping of str to bytes
        science, template, difference: gzipped FITS; one that is left out is absent.
    late : int
        So many requests for an image are answered with 404 first.
    """

    id: int
    mjd: float
    images: Mapping[str, bytes]
    late: int = 0


Find = Callable[[str, str], Sequence[Shown]]
"""``find(survey, object_id)``: the detections of an object; none of one that is not known."""


class StandIn(ThreadingHTTPServer):
    """A running stand-in.

    Parameters
    ----------
    find : callable
        What it shows.
    port : int
        On loopback; 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, find: Find, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.find = find
        self.asked: list[str] = []
        self.looks: Counter[tuple[int, str]] = Counter()

    @property
    def url(self) -> str:
        """Return its address, without a slash at its end."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings that lead to it, as environment variables."""
        return settings(self.url)


def settings(url: str) -> dict[str, str]:
    """Return the settings that lead to a stand-in at an address, as environment variables."""
    return {
        "NIGHTJAR_ALERCE__ZTF_URL": f"{url}/ztf/v1",
        "NIGHTJAR_ALERCE__ZTF_STAMPS_URL": url,
        "NIGHTJAR_ALERCE__LSST_URL": url,
    }


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with detections, with an image, or with what ALeRCE says of what is not there."""
        asked = urlsplit(self.path)
        self.server.asked.append(self.path)
        given = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path.startswith(ZTF_OBJECTS):
            object_id = asked.path.removeprefix(ZTF_OBJECTS).removesuffix("/detections")
            self._detections("ztf", object_id)
        elif asked.path == "/lightcurve_api/detections":
            self._detections(given.get("survey_id", ""), given.get("oid", ""))
        elif asked.path == "/get_stamp":
            self._stamp("ztf", given, given.get("candid", ""), given.get("type", ""))
        elif asked.path == "/stamps_api/stamp":
            kind = given.get("stamp_type", "").removeprefix("cutout").lower()
            survey = given.get("survey_id", "")
            self._stamp(survey, given, given.get("measurement_id", ""), kind)
        else:
            self._answer(200, _JSON, b'{"status": "ok"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Stay silent."""

    def _detections(self, survey: str, object_id: str) -> None:
        found = self.server.find(survey, object_id)
        if not found and survey == "ztf":
            self._answer(404, _JSON, b'{"message": "Object not found"}')
            return
        rows = [_row(survey, object_id, shown) for shown in found]
        self._answer(200, _JSON, json.dumps(rows).encode())

    def _stamp(self, survey: str, given: Mapping[str, str], number: str, kind: str) -> None:
        shown = next(
            (s for s in self.server.find(survey, given.get("oid", "")) if str(s.id) == number), None
        )
        place = (shown.id if shown else 0, kind)
        self.server.looks[place] += 1
        is_late = shown is not None and self.server.looks[place] <= shown.late
        if shown is None or is_late or kind not in shown.images:
            self._answer(404, _HTML, b"<h1>AVRO not found</h1>")
        else:
            self._answer(200, _FITS, shown.images[kind])

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _row(survey: str, object_id: str, shown: Shown) -> dict[str, object]:
    common: dict[str, object] = {"oid": object_id, "mjd": shown.mjd, "has_stamp": True}
    if survey == "ztf":
        return common | {"candid": str(shown.id), "fid": 1}
    return common | {"measurement_id": shown.id, "band": 1, "band_map": {"1": "r"}}
