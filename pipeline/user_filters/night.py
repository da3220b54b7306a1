"""The public alerts of a past night, chunk by chunk, as live filters saw them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.alerts.query import browsing
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC
from pipeline.surveys import survey as survey_named
from pipeline.user_filters.columns import CANDIDATE, PROPERTIES, columns
from pipeline.user_filters.stored import Rows

CHUNK_ALERTS = 5_000
STATEMENT_S = 30
SLOTS = 2**20
"""The hash of an alert falls into one of so many; a sample is the first of them."""

_COUNT = """
    SELECT count(*) FROM alerts
    WHERE survey = %(survey)s AND jd_utc >= %(begin)s AND jd_utc < %(end)s
"""
"""All alerts, public or not: the index alone answers."""
_NEWEST = "SELECT max(jd_utc) FROM alerts WHERE survey = %s AND jd_utc < %s"
_CHUNK = """
    SELECT a.candid, a.jd_utc, a.outputs & %(public)s <> 0, {name}, a.alert_class,
        a.survey_match_id IS NOT NULL, a.score, {candidate}, {properties}
    FROM alerts AS a {join}
    WHERE a.survey = %(survey)s AND (a.jd_utc, a.candid) > (%(jd)s, %(candid)s)
        AND a.jd_utc < %(end)s AND hashint8extended(a.candid, 0) & %(mask)s < %(slots)s
    ORDER BY a.jd_utc, a.candid LIMIT %(most)s
"""


@dataclass(frozen=True)
class Night:
    """What will be read of a night.

    Attributes
    ----------
    survey, begin_jd, end_jd : str, float, float
        From local noon to noon [JD, UTC].
    alerts : int
        All that there are, public or not.
    slots : int
        Of SLOTS, how many are read; all of them: every alert.
    """

    survey: str
    begin_jd: float
    end_jd: float
    alerts: int
    slots: int

    @property
    def share(self) -> float:
        """Return which part of the night is read."""
        return self.slots / SLOTS

    @property
    def to_read(self) -> int:
        """Return about how many alerts are read."""
        return round(self.alerts * self.share)


@dataclass(frozen=True)
class Chunk:
    """Some alerts of a night, in order of time.

    Attributes
    ----------
    rows : Rows
        The public ones that passed their gate.
    seen : int
        All that were read.
    """

    rows: Rows
    seen: int


def plan(survey: str, night: date, most: int) -> Night:
    """Look how large a night is; above ``most`` alerts a sample by hash is read."""
    begin_jd = survey_named(survey).begin_jd(night)
    with browsing(STATEMENT_S) as session, cursor(session) as cur:
        cur.execute(_COUNT, {"survey": survey, "begin": begin_jd, "end": begin_jd + 1})
        count = int(cur.fetchall()[0][0])
    slots = SLOTS if count <= most else max(1, SLOTS * most // count)
    return Night(survey, begin_jd, begin_jd + 1, count, slots)


def newest(session: Session, survey: str, most: int) -> list[date]:
    """Return the newest nights that have alerts, the newest first."""
    observatory = survey_named(survey)
    found: list[date] = []
    before = np.inf
    with cursor(session) as cur:
        while len(found) < most:
            cur.execute(_NEWEST, (survey, before))
            (jd,) = cur.fetchall()[0]
            if jd is None:
                break
            found.append(observatory.night_of_jd(jd))
            before = observatory.begin_jd(found[-1])
    return found


def chunks(night: Night, wanted: Collection[str]) -> Iterator[Chunk]:
    """Read a night with the columns that are wanted; each chunk is a transaction of its own.

    An alert that is stored meanwhile may or may not be among them.
    """
    statement = _statement(night.survey, wanted)
    jd, candid = night.begin_jd, -(2**63)
    while True:
        with browsing(STATEMENT_S) as session, cursor(session) as cur:
            place = {"jd": jd, "candid": candid, "end": night.end_jd, "slots": night.slots}
            fixed = {"survey": night.survey, "mask": SLOTS - 1, "most": CHUNK_ALERTS}
            cur.execute(statement, fixed | place | {"public": OUTPUT_CLASS_TOPIC}, binary=True)
            found = cur.fetchall()
        if found:
            yield Chunk(_rows(night.survey, [row for row in found if row[2]]), len(found))
            candid, jd = found[-1][0], found[-1][1]
        if len(found) < CHUNK_ALERTS:
            return


def _statement(survey: str, wanted: Collection[str]) -> str:
    """Return what reads a chunk; records that no column is wanted of stay where they are."""
    parts = {columns(survey)[name].part for name in wanted}
    needs_name = "objectId" in wanted
    return _CHUNK.format(
        name="o.object_id" if needs_name else "NULL",
        join="LEFT JOIN objects AS o ON o.id = a.object_id" if needs_name else "",
        candidate="a.candidate" if CANDIDATE in parts else "NULL",
        properties="a.properties" if PROPERTIES in parts else "NULL",
    )


def _rows(survey: str, found: list[tuple[Any, ...]]) -> Rows:
    return Rows(
        survey,
        candid=np.array([row[0] for row in found], np.int64),
        object_id=[row[3] for row in found],
        alert_class=[row[4] for row in found],
        has_match=np.array([row[5] for row in found], np.bool_),
        score=np.array([np.nan if row[6] is None else row[6] for row in found], np.float64),
        candidate=[row[7] for row in found],
        properties=[row[8] for row in found],
    )
