"""Packets that cannot become alerts, by the reason that a dead letter must give."""

from typing import Any

from pipeline.simulate import lsst, ztf

KINDS = {
    "ztf": ("truncated", "bad_value", "empty", "many_records"),
    "lsst": ("truncated", "bad_value", "empty", "unknown_schema"),
}
"""Reasons, taken in turn."""

UNKNOWN_SCHEMA_ID = 987_654
_KEPT_SHARE = 0.6


def spoiled(survey: str, kind: str, record: dict[str, Any]) -> bytes:
    """Return a packet made from ``record`` that must be refused for the reason ``kind``."""
    if kind == "empty":
        return b""
    if kind == "bad_value":
        # A position that is not a number.
        part = "candidate" if survey == "ztf" else "diaSource"
        record = {**record, part: {**record[part], "ra": float("nan")}}
        return ztf.packet(record) if survey == "ztf" else lsst.packet(record)
    if kind == "many_records":
        return ztf.packet(record, record)
    if kind == "unknown_schema":
        content = lsst.packet(record)
        return content[:1] + UNKNOWN_SCHEMA_ID.to_bytes(4, "big") + content[5:]
    if kind == "truncated":
        content = ztf.packet(record) if survey == "ztf" else lsst.packet(record)
        return content[: int(len(content) * _KEPT_SHARE)]
    raise ValueError(f"no way to spoil a packet is called {kind!r}")
