"""What must become of each packet, read slowly: fastavro's record and rules in plain Python."""

from typing import Any, NamedTuple

from tests import oracle

NONE_TOPIC = "babamul.none"


class Expected(NamedTuple):
    """One alert: its id, why it is gated or where it goes, and its partner.

    Attributes
    ----------
    topics : tuple of str
        Class topic, and ``babamul.none`` for a second copy.
    match : str or None
        Id of the other survey's object.
    """

    candid: int
    gate: str | None
    alert_class: str
    topics: tuple[str, ...]
    match: str | None


class Beside(NamedTuple):
    """What lies beside one alert: its partner, and what the catalogs hold there.

    Attributes
    ----------
    match : str or None
        Id of the other survey's object.
    is_archival, is_inside : bool
        A row of any catalog within 2″; inside the footprint.
    point_sources : list
        (separation [arcsec], score, magnitude) within 30″.
    """

    match: str | None
    is_archival: bool
    is_inside: bool
    point_sources: list[tuple[float, float, float]]


def ztf(record: dict[str, Any], beside: Beside) -> Expected:
    """Judge one ZTF packet."""
    candidate = record["candidate"]
    alert_class = oracle.ztf_class(candidate)
    if candidate.get("programid") != 1:
        beside = beside._replace(match=None)
    return _judged("ztf", record["candid"], oracle.ztf_gate(record), alert_class, beside)


def lsst(record: dict[str, Any], beside: Beside) -> Expected:
    """Judge one LSST packet."""
    rows = [oracle.Neighbour(*row) for row in beside.point_sources]
    alert_class = oracle.lsst_class(rows, is_inside=beside.is_inside)
    candid = record["diaSource"]["diaSourceId"]
    return _judged("lsst", candid, oracle.lsst_gate(record), alert_class, beside)


def _judged(
    survey: str, candid: int, gate: str | None, alert_class: str, beside: Beside
) -> Expected:
    other = {"ztf": "lsst", "lsst": "ztf"}[survey]
    kind = f"{other}-match" if beside.match else f"no-{other}-match"
    topics: tuple[str, ...] = (f"babamul.{survey}.{kind}.{alert_class}",)
    if alert_class == "hostless" and beside.match is None and not beside.is_archival:
        topics += (NONE_TOPIC,)
    return Expected(candid, gate, alert_class, () if gate else topics, beside.match)
