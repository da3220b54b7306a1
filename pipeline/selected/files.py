"""What ``output_files`` knows of the files below this host's root."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.selected.disk import Written
from pipeline.selected.sources import Target
from pipeline.selected.tables import OutputFile

_DAY = timedelta(days=1)
# Of arrays: a statement for each of a batch's files takes six times as long.
_NOTE = text("""
    INSERT INTO output_files AS o
        (host, root, path, kind, night, selection_id, length, sha256, closed_at)
    SELECT :host, :root, n.path, :kind, :night, :selection_id, n.length, n.sha256, :at
    FROM unnest(CAST(:paths AS text[]), CAST(:lengths AS bigint[]), CAST(:sha256s AS text[]))
        AS n (path, length, sha256)
    ON CONFLICT (host, root, path) DO UPDATE
    SET length = excluded.length, sha256 = excluded.sha256, closed_at = excluded.closed_at,
        deleted_at = NULL, s3_state = NULL, confirmed_at = NULL
    WHERE o.sha256 IS DISTINCT FROM excluded.sha256 OR o.deleted_at IS NOT NULL
""")


class Place(Protocol):
    """Whose disk, which folder on it, and the selection that files there belong to, if any."""

    @property
    def id(self) -> int | None:
        """``selections.id``."""

    @property
    def host(self) -> str:
        """Name of the machine."""

    @property
    def root(self) -> str:
        """Folder."""


def begin_csv(
    session: Session, target: Target, at: datetime, extra_columns: Sequence[str]
) -> tuple[OutputFile, datetime]:
    """Return the table that rows of this moment belong to, and the moment that they shall carry.

    The row is locked against being closed until the transaction ends. A table that is closed
    already, because a clock went back or a transaction took past midnight, takes no further row:
    they go into the next one that is open, from its first moment on.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    target : Target
        Whose table.
    at : datetime
        Now, UTC.
    extra_columns : sequence of str
        Of a table that is begun now.
    """
    while True:
        found = _csv_of(session, target, at.date(), extra_columns)
        if found.closed_at is None:
            return found, at
        next_day = at.date() + _DAY
        at = at.replace(
            year=next_day.year, month=next_day.month, day=next_day.day,
            hour=0, minute=0, second=0, microsecond=0,
        )  # fmt: skip


def csv_path(target: Target, night: date) -> str:
    """Return where the table of a UTC date lies."""
    return f"{target.folder}/data/lsst_alerts_{night:%Y%m%d}.csv"


def parquet_path(path: str) -> str:
    """Return where the Parquet beside a table lies."""
    return f"{path.removesuffix('.csv')}.parquet"


def cutout_path(target: Target, dia_source_id: int, kind: str, at: datetime) -> str:
    """Return where a cutout lies."""
    return f"{target.folder}/cutouts/{dia_source_id}_{kind}_{at:%Y%m%d_%H%M%S}.fits"


def note_written(
    session: Session,
    place: Place,
    kind: str,
    night: date,
    written: Sequence[Written],
    at: datetime,
) -> None:
    """Note files that are whole on disk, each once; one that is written again is as if new."""
    session.execute(
        _NOTE,
        {
            "host": place.host,
            "root": place.root,
            "kind": kind,
            "night": night,
            "selection_id": place.id,
            "at": at,
            "paths": [each.path for each in written],
            "lengths": [each.length for each in written],
            "sha256s": [each.sha256 for each in written],
        },
    )


def _csv_of(
    session: Session, target: Target, night: date, extra_columns: Sequence[str]
) -> OutputFile:
    place = {"host": target.host, "root": target.root, "path": csv_path(target, night)}
    known = select(OutputFile).filter_by(**place).with_for_update(read=True)
    found = session.scalars(known).one_or_none()
    if found is None:
        session.execute(
            insert(OutputFile)
            .values(
                **place,
                kind="csv",
                night=night,
                selection_id=target.id,
                columns=list(extra_columns),
                created_at=func.now(),
            )
            .on_conflict_do_nothing()
        )
        found = session.scalars(known).one()
    return found
