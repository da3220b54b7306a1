"""Messages of one event for tests: made at any minute after T0, with or without a map."""

import base64

import numpy as np

from broker.kafka_messages import Received
from tests.gw_notices import as_bytes, make_map, make_notice

EVENT = "S261121a"
BBH = {"BBH": 0.9, "Terrestrial": 0.1}
BNS = {"BNS": 0.9, "Terrestrial": 0.1}


def whole_sky() -> str:
    """Return a map of twelve equal pixels, in base64: 41 253 deg², no distance."""
    return base64.b64encode(make_map(density=np.full(12, 1 / (4 * np.pi)))).decode()


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
    made = make_notice(
        {
            "time": "2026-11-21T20:00:00Z",
            "significant": significant,
            "classification": BBH if classification is None else classification,
            "skymap": skymap,
        },
        superevent_id=trigger_id,
        alert_type=alert_type,
        time_created=f"2026-11-21T20:{minute:02d}:00Z",
        urls={},
    )
    return as_bytes(made | ({"event": None} if alert_type == "RETRACTION" else {}))


def received(raw: bytes, offset: int = 0, topic: str = "igwn.gwalert") -> Received:
    """Return a message as a reader hands it out."""
    return Received(topic, 0, offset, 1_795_291_500_000, raw)  # 2026-11-21T20:05:00Z
