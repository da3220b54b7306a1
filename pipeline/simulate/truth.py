"""The truth table: what was put into each packet, and what must become of it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Truth:
    """What one packet holds and what is expected of it, under the default settings.

    Attributes
    ----------
    number : int
        Place of the packet in the night, from 0.
    input_topic : str
        Where it is sent.
    survey : str
        ``ztf`` or ``lsst``.
    alert_id : int
        ZTF candid or LSST diaSourceId; 0 for a packet that cannot be read.
    object_id : str or None
        As on the output topics; None where the packet names none.
    category : str
        Recipe of the packet.
    surroundings : str
        Pattern of catalog sources around it.
    jd_utc : float
        Time of the observation (JD, UTC).
    ra_deg, dec_deg : float
        Position of the alert (ICRS).
    band : str
        Filter.
    expected_class : str or None
        By the flowchart; None for packets that cannot be read.
    expected_gate : str or None
        First reason for not being published.
    expected_topic : str or None
        Class topic, if the packets arrive in order; None when gated, bad or a duplicate.
    expected_none : bool
        Whether ``babamul.none`` gets a copy, if the packets arrive in order.
    other_topic : str or None
        Class topic if this alert and the other survey's change places in time; None when order
        does not matter.
    other_none : bool
        Whether ``babamul.none`` gets a copy in that case.
    is_duplicate : bool
        A second copy of an earlier packet.
    is_bad : bool
        Cannot become an alert.
    bad_reason : str or None
        Why, as dead letters name it.
    """

    number: int
    input_topic: str
    survey: str
    alert_id: int
    object_id: str | None
    category: str
    surroundings: str
    jd_utc: float
    ra_deg: float
    dec_deg: float
    band: str
    expected_class: str | None
    expected_gate: str | None = None
    expected_topic: str | None = None
    expected_none: bool = False
    other_topic: str | None = None
    other_none: bool = False
    is_duplicate: bool = False
    is_bad: bool = False
    bad_reason: str | None = None

    def as_line(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


class SimulatedPacket(NamedTuple):
    """One Kafka message, with the truth about it."""

    survey: str
    topic: str
    key: bytes | None
    value: bytes
    timestamp_ms: int
    truth: Truth


def write_table(rows: Iterable[Truth], path: Path) -> int:
    """Write one JSON object per line; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(row.as_line() + "\n")
            count += 1
    return count


def read_table(path: Path) -> Iterator[Truth]:
    """Read a table back; columns that are not ours are passed over."""
    names = {field.name for field in fields(Truth)}
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield Truth(**{k: v for k, v in json.loads(line).items() if k in names})
