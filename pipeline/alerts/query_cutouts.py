"""Cutouts of alerts that may be shown, read from their packets in the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.orm import Session

from broker.archive import Slice
from broker.archive_index import ArchiveError, Segment, read_slice, segments_named
from broker.db import cursor
from pipeline.alerts.query import public, visible
from pipeline.alerts.query_objects import FoundObject
from pipeline.surveys.cutouts import Cutouts, read_cutouts

Which = Literal["first", "last", "brightest", "faintest"]

MAX_CANDIDS = 100
_ORDERS: dict[Which, str] = {
    "first": "a.jd_utc, a.candid",
    "last": "a.jd_utc DESC, a.candid DESC",
    "brightest": "a.magpsf_abmag, a.candid",
    "faintest": "a.magpsf_abmag DESC, a.candid",
}


@dataclass(frozen=True)
class Located:
    """Where an alert's packet lies; its segment is None where that is not known any more."""

    candid: int
    jd_utc: float
    piece: Slice
    segment: Segment | None


def locate(session: Session, survey: str, candids: Sequence[int]) -> dict[int, Located]:
    """Return the packets of those of the alerts that may be shown, by candid."""
    return _located(session, f"a.candid = ANY(%s) AND {visible()}", (survey, list(candids)))


def locate_public(session: Session, found: FoundObject, candid: int) -> Located | None:
    """Return the packet of an object's alert for a page, which shows incomplete ones too."""
    condition = f"a.candid = %s AND a.object_id = %s AND {public()}"
    return _located(session, condition, (found.survey, candid, found.id)).get(candid)


def choose(
    session: Session, survey: str, object_id: str, which: Which, band: str | None
) -> Located | None:
    """Return the packet of one of an object's alerts; None if there is none to choose."""
    found = _located(
        session,
        "a.object_id = (SELECT id FROM objects AS o"  # noqa: S608 conditions of ours
        " WHERE o.survey = %s AND o.object_id = %s)"
        f" AND (%s::text IS NULL OR a.band = %s) AND {visible()}"
        f" ORDER BY {_ORDERS[which]} LIMIT 1",
        (survey, survey, object_id, band, band),
    )
    return next(iter(found.values()), None)


def packet(root: Path, located: Located) -> bytes | None:
    """Return a packet as it came; None if its archive file has expired or is damaged.

    A disk may be slow: no transaction should be open meanwhile.
    """
    if located.segment is None:
        return None
    try:
        return read_slice(root, located.segment, located.piece)
    except ArchiveError:
        return None


def cutouts(root: Path, survey: str, located: Located) -> Cutouts | None:
    """Return the images of an alert; None if its archive file has expired.

    To read a packet may take a schema from elsewhere: no transaction should be open meanwhile.
    """
    raw = packet(root, located)
    return None if raw is None else read_cutouts(survey, raw)


def _located(session: Session, condition: str, values: tuple[object, ...]) -> dict[int, Located]:
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.candid, a.jd_utc, a.archive_segment_id, a.archive_start,"  # noqa: S608 conditions of ours
            " a.archive_length, a.archive_crc32 FROM alerts AS a"
            f" WHERE a.survey = %s AND {condition}",
            values,
            binary=True,
        )
        found = cur.fetchall()
    segments = {one.id: one for one in segments_named(session, (row[2] for row in found))}
    return {row[0]: Located(row[0], row[1], Slice(*row[2:]), segments.get(row[2])) for row in found}
