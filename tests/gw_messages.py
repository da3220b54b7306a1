"""Notices made for tests: what GCN would send, as small as it may be."""

import base64
import json
from io import BytesIO
from typing import Any

import numpy as np
from astropy.table import Table

from broker.kafka_messages import Received

EVENT = "S261121a"
T0 = "2026-11-21T20:00:00Z"
BBH = {"BBH": 0.9, "Terrestrial": 0.1}
BNS = {"BNS": 0.9, "Terrestrial": 0.1}


def whole_sky() -> str:
    """Return a map of twelve equal pixels, in base64: 41 253 deg², no distance."""
    density = np.full(12, 1 / (4 * np.pi))
    table = Table({"UNIQ": np.arange(4, 16, dtype=np.int64), "PROBDENSITY": density})
    file = BytesIO()
    table.write(file, format="fits")
    return base64.b64encode(file.getvalue()).decode()


def notice(
    alert_type: str = "PRELIMINARY",
    minute: int = 5,
    *,
    trigger_id: str = EVENT,
    classification: dict[str, float] | None = None,
    skymap: str | None = None,
    significant: bool = True,
) -> bytes:
    """Return a notice made so many minutes after T0; a retraction has no event."""
    event: dict[str, Any] | None = {
        "time": T0,
        "far": 1e-9,
        "significant": significant,
        "instruments": ["H1", "L1"],
        "group": "CBC",
        "pipeline": "gstlal",
        "search": "AllSky",
        "classification": BBH if classification is None else classification,
        "properties": {},
        "skymap": skymap,
    }
    return json.dumps(
        {
            "superevent_id": trigger_id,
            "alert_type": alert_type,
            "time_created": f"2026-11-21T20:{minute:02d}:00Z",
            "urls": {},
            "event": None if alert_type == "RETRACTION" else event,
            "external_coinc": None,
        }
    ).encode()


def received(raw: bytes, offset: int = 0, topic: str = "igwn.gwalert") -> Received:
    """Return a message as a reader hands it out."""
    return Received(topic, 0, offset, 1_795_291_500_000, raw)  # 2026-11-21T20:05:00Z
