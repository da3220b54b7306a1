"""What pages show of alerts: few columns; the object page also those that clients cannot take."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.query import public, visible
from pipeline.alerts.query_objects import FoundObject

SHOWN_ALERTS = 200


class BriefAlert(NamedTuple):
    """One line of a table of alerts."""

    candid: int
    survey: str
    object_id: str
    jd_utc: float
    ra_deg: float
    dec_deg: float
    band: str | None
    abmag: float | None
    score: float | None
    alert_class: str | None
    gate_reason: str | None
    topic: str | None
    published: bool


_COLUMNS = (
    "a.candid, a.survey, o.object_id, a.jd_utc, a.ra_deg, a.dec_deg, a.band, a.magpsf_abmag,"
    " a.score, a.alert_class, a.gate_reason, a.output_topic,"
    " a.published_at IS NOT NULL AND a.gate_reason IS NULL"
)


def brief(session: Session, ids: Sequence[int]) -> list[BriefAlert]:
    """Return the visible ones of these alerts (``alerts.id``), in that order."""
    with cursor(session) as cur:
        cur.execute(
            f"SELECT {_COLUMNS} FROM alerts AS a JOIN objects AS o ON o.id = a.object_id"  # noqa: S608 conditions of ours
            f" WHERE a.id = ANY(%s) AND {visible()} ORDER BY array_position(%s::bigint[], a.id)",
            (list(ids), list(ids)),
            binary=True,
        )
        return [BriefAlert(*row) for row in cur]


def alerts_of(session: Session, found: FoundObject, candid: int | None = None) -> list[BriefAlert]:
    """Return the newest public alerts of an object, or one of its alerts, however old it is.

    Among them are those that lists leave out.
    """
    with cursor(session) as cur:
        cur.execute(
            f"SELECT {_COLUMNS} FROM alerts AS a JOIN objects AS o ON o.id = a.object_id"  # noqa: S608 as above
            f" WHERE a.object_id = %(object)s AND {public()}"
            " AND (%(candid)s::bigint IS NULL OR a.candid = %(candid)s)"
            " ORDER BY a.jd_utc DESC, a.candid DESC LIMIT %(most)s",
            {"object": found.id, "candid": candid, "most": SHOWN_ALERTS},
            binary=True,
        )
        return [BriefAlert(*row) for row in cur]


def count_alerts_of(session: Session, found: FoundObject) -> int:
    """Return how many public alerts an object has."""
    with cursor(session) as cur:
        cur.execute(
            f"SELECT count(*) FROM alerts AS a WHERE a.object_id = %s AND {public()}",  # noqa: S608 as above
            (found.id,),
            binary=True,
        )
        return int(cur.fetchall()[0][0])


def object_of_candid(session: Session, candid: int) -> list[tuple[str, str]]:
    """Return survey and name of the objects that an alert's id leads to."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.survey, o.object_id FROM alerts AS a"  # noqa: S608 as above
            " JOIN objects AS o ON o.id = a.object_id"
            f" WHERE a.survey = ANY(ARRAY['ztf', 'lsst']) AND a.candid = %s AND {public()}"
            " AND o.is_public",
            (candid,),
            binary=True,
        )
        return cur.fetchall()
