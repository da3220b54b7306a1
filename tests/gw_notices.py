"""GW notices for tests: the real ones of the sample folder, and small ones made here."""

import base64
import io
import json
from functools import cache
from typing import Any

import numpy as np
from astropy.io import fits

from tests import samples

NAMES = (
    "S241102br-preliminary",
    "S241102br-initial",
    "S241102br-update",
    "S250910b-earlywarning",
    "gw_notice_significant",
    "retraction",
)


@cache
def raw(name: str) -> bytes:
    """Return a sample as it was on Kafka."""
    return (samples.folder() / f"gw/igwn/{name}.json").read_bytes()


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw(name))
    return found


def make_notice(event: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """Make a notice; ``event`` changes single fields of its event."""
    made = {
        "alert_type": "PRELIMINARY",
        "time_created": "2026-01-02T03:05:00Z",
        "superevent_id": "S260102ab",
        "urls": {"gracedb": "https://example.org/S260102ab/"},
        "event": {
            "significant": True,
            "time": "2026-01-02T03:04:05.678Z",
            "far": 3.17e-10,
            "instruments": ["H1", "L1"],
            "group": "CBC",
            "pipeline": "gstlal",
            "search": "AllSky",
            "properties": {"HasNS": 1.0},
            "classification": {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1},
            "duration": None,
            "central_frequency": None,
            "skymap": base64.b64encode(make_map()).decode(),
        }
        | (event or {}),
        "external_coinc": None,
    }
    return made | given


def as_bytes(notice: Any) -> bytes:
    return json.dumps(notice).encode()


def with_map(content: bytes) -> bytes:
    """Return a notice that carries a file as its map."""
    return as_bytes(make_notice({"skymap": base64.b64encode(content).decode()}))


def make_map(
    uniq: Any = None,
    density: Any = None,
    header: dict[str, Any] | None = None,
    **columns: Any,
) -> bytes:
    """Make a multi-order map [1/sr]; by default of order 0, all of it in the first of 12 pixels."""
    uniq = np.arange(4, 16) if uniq is None else np.asarray(uniq)
    if density is None:
        density = np.where(np.arange(len(uniq)) == 0, 3 / np.pi, 0.0)
    made = [
        fits.Column("UNIQ", "K", array=uniq),
        fits.Column("PROBDENSITY", "D", array=np.asarray(density, float)),
        *(fits.Column(name, "D", array=np.asarray(each)) for name, each in columns.items()),
    ]
    table = fits.BinTableHDU.from_columns(made)
    table.header.update(header or {})
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()
