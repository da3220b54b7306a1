"""Which requests for images there are: those of a night, those that are due, those given up."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from broker.db import transaction
from broker.host import this_host
from pipeline import ledger
from pipeline.lasair.tables import LasairAlert, StampRequest
from pipeline.selected.tables import OutputFile

MOST = 10_000
"""Looked at by one call."""
_ONE_DAY = timedelta(days=1)


def add_for_alerts(night: date | None) -> int:
    """Ask for images of alerts that nobody asked for, as while they were switched off.

    They are for the disk that has the alert's line.

    Parameters
    ----------
    night : date or None
        Of the detections, UTC; None: all.

    Returns
    -------
    int
        How many requests are new.
    """
    same = ("survey", "object_id", "detected_at")
    columns = [getattr(LasairAlert, name) for name in same]
    alerts = (
        select(*columns, func.max(LasairAlert.jd_utc), func.min(OutputFile.host))
        .join(OutputFile, OutputFile.id == LasairAlert.file_id)
        .where(*_of_night(LasairAlert.detected_at, night))
        .group_by(*columns)
    )
    asked = insert(StampRequest).from_select([*same, "jd_utc", "host"], alerts)
    new = asked.on_conflict_do_nothing()
    with transaction() as session:
        return len(session.scalars(new.returning(StampRequest.id)).all())


def want_missing(night: date | None) -> int:
    """Let every image that is not there be asked for now; return how many requests that are.

    Those that were given up begin anew; those that rest are looked for now.
    """
    mine = _of_night(StampRequest.detected_at, night)
    with transaction() as session:
        given_up = ledger.want_again(session, StampRequest, *mine)
        session.execute(update(StampRequest).where(StampRequest.id.in_(given_up)).values(looks=0))
        return len({*given_up, *ledger.wake(session, StampRequest, *mine)})


def due(night: date | None) -> list[int]:
    """Return the requests of this host that may be worked now, the oldest first."""
    with transaction() as session:
        return list(
            session.scalars(
                select(StampRequest.id)
                .where(
                    StampRequest.host == this_host(),
                    StampRequest.state == "wanted",
                    StampRequest.not_before <= func.now(),
                    *_of_night(StampRequest.detected_at, night),
                )
                .order_by(StampRequest.id)
                .limit(MOST)
            )
        )


def told(night: date | None) -> Sequence[StampRequest]:
    """Return the newest requests, for people."""
    with transaction() as session:
        return session.scalars(
            select(StampRequest)
            .where(*_of_night(StampRequest.detected_at, night))
            .order_by(StampRequest.id.desc())
            .limit(MOST)
        ).all()


def _of_night(
    column: InstrumentedAttribute[datetime], night: date | None
) -> list[ColumnElement[bool]]:
    if night is None:
        return []
    begins = datetime.combine(night, time(), UTC)
    return [column >= begins, column < begins + _ONE_DAY]
