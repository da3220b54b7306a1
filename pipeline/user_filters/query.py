"""What pages and REST show of users' filters; alerts through the conditions of ``alerts.query``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import BigInts
from broker.filter_book import UserFilter
from pipeline import photometry
from pipeline.alerts import curves
from pipeline.alerts.batch import BANDS
from pipeline.alerts.query import visible

MOST_NIGHTS = 30
DRAFT, STARTING, LIVE, PAUSED, STOPPED = "draft", "starting", "live", "paused", "stopped"

_STATES = """
    SELECT filter_id, paused_at, pause_reason, pause_text, evaluated, spent_s, last_match_at
    FROM filter_states WHERE filter_id = ANY(%s)
"""
_NIGHTS = """
    SELECT night, matched, delivered FROM filter_nights WHERE filter_id = %s
    ORDER BY night DESC LIMIT %s
"""
_NEWEST = """
    SELECT DISTINCT ON (filter_id) filter_id, night, matched, delivered
    FROM filter_nights WHERE filter_id = ANY(%s) ORDER BY filter_id, night DESC
"""
_COLUMNS = """
    a.candid, a.survey, o.object_id, o.id, a.jd_utc, a.ra_deg, a.dec_deg, a.band, a.magpsf_abmag,
    a.score, a.alert_class
"""


class State(NamedTuple):
    """What workers noted of a filter."""

    filter_id: int
    paused_at: datetime | None
    pause_reason: str | None
    pause_text: str | None
    evaluated: int
    spent_s: float
    last_match_at: datetime | None

    @property
    def ms_per_1000(self) -> float | None:
        """Return the workers' time for a thousand alerts [ms]."""
        return 1e6 * self.spent_s / self.evaluated if self.evaluated else None


class NightCount(NamedTuple):
    """What a filter caught in a night."""

    night: date
    matched: int
    delivered: int


class Caught(NamedTuple):
    """One alert of a list."""

    candid: int
    survey: str
    object_id: str
    object_row: int
    jd_utc: float
    ra_deg: float
    dec_deg: float
    band: str | None
    abmag: float | None
    score: float | None
    alert_class: str | None

    @property
    def address(self) -> str:
        """Return the page of its object, at this alert."""
        return f"/objects/{self.survey}/{self.object_id}?candid={self.candid}"

    @property
    def stamps(self) -> str:
        """Return where the picture of its cutouts is."""
        return f"/objects/{self.survey}/{self.object_id}/cutouts/{self.candid}.png"


@dataclass(frozen=True)
class Detections:
    """The detections of one object: time [JD, UTC], AB magnitude, band."""

    jd_utc: NDArray[np.float64]
    abmag: NDArray[np.float64]
    band: list[str]


def states(session: Session, filter_ids: Sequence[int]) -> dict[int, State]:
    """Return what workers noted, of filters that ran."""
    with cursor(session) as cur:
        cur.execute(_STATES, (BigInts.of(list(filter_ids)),))
        return {row[0]: State(*row) for row in cur}


def is_paused(one: UserFilter, state: State | None) -> bool:
    """Tell whether a filter that is wanted live rests."""
    if one.wish != LIVE or state is None or state.paused_at is None or one.started_at is None:
        return False
    return state.paused_at >= one.started_at


def word(one: UserFilter, state: State | None) -> str:
    """Return DRAFT, STARTING, LIVE, PAUSED or STOPPED."""
    if one.wish != LIVE:
        return one.wish
    if is_paused(one, state):
        return PAUSED
    return LIVE if one.topic_state == "there" else STARTING


def nights(session: Session, filter_id: int, most: int = MOST_NIGHTS) -> list[NightCount]:
    """Return what a filter caught, the newest night first."""
    with cursor(session) as cur:
        cur.execute(_NIGHTS, (filter_id, most))
        return [NightCount(*row) for row in cur]


def newest_nights(session: Session, filter_ids: Sequence[int]) -> dict[int, NightCount]:
    """Return the newest night in which each filter caught something."""
    with cursor(session) as cur:
        cur.execute(_NEWEST, (BigInts.of(list(filter_ids)),))
        return {row[0]: NightCount(*row[1:]) for row in cur}


def latest(session: Session, filter_id: int, most: int) -> list[Caught]:
    """Return what a filter caught last, the newest first."""
    with cursor(session) as cur:
        cur.execute(
            f"SELECT {_COLUMNS} FROM filter_deliveries AS d"  # noqa: S608 conditions of ours
            " JOIN alerts AS a ON a.survey = d.survey AND a.candid = d.candid"
            " JOIN objects AS o ON o.id = a.object_id"
            f" WHERE d.filter_id = %s AND {visible()} ORDER BY d.id DESC LIMIT %s",
            (filter_id, most),
        )
        return [Caught(*row) for row in cur]


def alerts(session: Session, survey: str, candids: NDArray[np.int64]) -> list[Caught]:
    """Return the visible ones of these alerts, in that order."""
    if not len(candids):
        return []
    with cursor(session) as cur:
        cur.execute(
            f"SELECT {_COLUMNS} FROM alerts AS a JOIN objects AS o ON o.id = a.object_id"  # noqa: S608 as above
            " WHERE a.survey = %s AND a.candid = ANY(%s) AND a.candid BETWEEN %s AND %s"
            f" AND {visible()}",
            (survey, BigInts.of(candids), int(candids.min()), int(candids.max())),
        )
        found = {row[0]: Caught(*row) for row in cur}
    return [found[candid] for candid in candids.tolist() if candid in found]


def detections(session: Session, survey: str, rows: Sequence[Caught]) -> dict[int, Detections]:
    """Return the detections of the objects of some alerts, by ``objects.id``; one query for all."""
    ids = np.unique(np.array([row.object_row for row in rows], np.int64))
    loaded = curves.load(session, survey, ids)
    found = {}
    for at, object_row in enumerate(loaded.object_ids.tolist()):
        points = loaded.points(0, at)
        bands = [code // 2 for code in points["band"].tolist()]
        found[object_row] = Detections(
            np.asarray(points["jd_utc"], np.float64),
            photometry.abmag(points["flux"], survey),
            [BANDS[band] if band < len(BANDS) else "?" for band in bands],
        )
    return found


def as_row(one: Caught, side: int | None = None) -> dict[str, Any]:
    """Return an alert as tables and REST give it."""
    row = one._asdict()
    del row["object_row"]
    return row if side is None else row | {"side": side}
