"""Nights of selected alerts for a page: tables, cutouts, runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from broker.config import Config
from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun, Selection

MOST_NIGHTS = 14
"""Shown: the cutouts of each are counted."""

TABLES = ("csv", "parquet")
COUNTED = (
    *("read", "written", "filtered", "failed", "duplicate"),
    *("no_packet", "missing_cutout", "broken_cutout", "late", "mended"),
)


@dataclass
class Night:
    """The files of one selection of one UTC date, and who wrote them.

    Attributes
    ----------
    selection : Selection
        Whose.
    night : date
        UTC date.
    tables : list of OutputFile
        CSV, and Parquet once it is over.
    cutouts, cutout_bytes, cutouts_confirmed : int
        On disk, and how many of them S3 has.
    waiting : int
        Rows of its table that have no line yet.
    runs : list of SelectedRun
        Newest first.
    """

    selection: Selection
    night: date
    tables: list[OutputFile] = field(default_factory=list)
    cutouts: int = 0
    cutout_bytes: int = 0
    cutouts_confirmed: int = 0
    waiting: int = 0
    runs: list[SelectedRun] = field(default_factory=list)

    @property
    def csv(self) -> OutputFile | None:
        """Return the table itself; None of a night in which nothing was selected."""
        return next((file for file in self.tables if file.kind == "csv"), None)

    @property
    def sums(self) -> dict[str, int]:
        """Return the counts of all runs that read messages."""
        reading = [run for run in self.runs if run.kind != "rerun"]
        return {name: sum(getattr(run, f"{name}_count") for run in reading) for name in COUNTED}

    @property
    def adds_up(self) -> bool:
        """Tell whether every message became something, and every row a line."""
        sums = self.sums
        parts = ("written", "filtered", "failed", "duplicate")
        is_whole = sums["read"] == sum(sums[name] for name in parts)
        return is_whole and sums["written"] == self.rows

    @property
    def rows(self) -> int:
        """Return how many alerts its table has, or will have."""
        return (self.csv.rows if self.csv else 0) + self.waiting

    @property
    def hindered(self) -> list[SelectedRun]:
        """Return the newest run of each process that reads, where it did not end well."""
        newest: dict[str, SelectedRun] = {}
        for run in self.runs:
            if run.kind != "rerun":
                newest.setdefault(run.slot, run)
        return [run for run in newest.values() if run.state in {"failed", "short"}]

    @property
    def has_failed(self) -> bool:
        """Tell whether sums say nothing: who was to read could not, and nobody did since."""
        return any(run.state == "failed" for run in self.hindered)

    def deleted_after(self, settings: Config) -> date | None:
        """Return the date after which retention takes the table; None: never."""
        days = settings.retention.csv_days
        return self.night + timedelta(days=days) if days else None


def nights(session: Session) -> list[Night]:
    """Return the last nights of every selection, newest first."""
    ran = select(SelectedRun.night)
    filed = select(OutputFile.night).where(
        OutputFile.kind.in_(TABLES), OutputFile.selection_id.is_not(None)
    )
    known = union(ran, filed).subquery()
    newest = select(known.c.night).order_by(known.c.night.desc()).limit(MOST_NIGHTS)
    dates = session.scalars(newest).all()
    if not dates:
        return []
    selections = {each.id: each for each in session.scalars(select(Selection))}
    found: defaultdict[tuple[date, int], dict[str, Any]] = defaultdict(dict)
    _add_tables(session, dates, found)
    _add_waiting(session, dates, found)
    _add_cutouts(session, dates, found)
    _add_runs(session, dates, found)
    return [
        Night(selections[selection_id], night, **values)
        for (night, selection_id), values in sorted(
            found.items(), key=lambda item: (item[0][0], -item[0][1]), reverse=True
        )
    ]


def rows_between(session: Session, since: datetime, until: datetime) -> int:
    """Return how many alerts were taken from one moment on and before another, UTC."""
    counted = (
        select(func.count())
        .select_from(SelectedAlert)
        .join(OutputFile, OutputFile.id == SelectedAlert.file_id)
        .where(OutputFile.kind == "csv", OutputFile.night.between(since.date(), until.date()))
        .where(SelectedAlert.processed_at >= since, SelectedAlert.processed_at < until)
    )
    return session.scalar(counted) or 0


def selection(session: Session, selection_id: int) -> Selection | None:
    """Return a selection; None where there is none of that number."""
    return session.get(Selection, selection_id)


def table(session: Session, file_id: int) -> OutputFile | None:
    """Return a table that can be downloaded."""
    found = session.get(OutputFile, file_id)
    if found is None or found.kind not in TABLES or found.deleted_at is not None:
        return None
    return found


Found = defaultdict[tuple[date, int], dict[str, Any]]


def _add_tables(session: Session, dates: Sequence[date], found: Found) -> None:
    wanted = select(OutputFile).where(
        OutputFile.kind.in_(TABLES),
        OutputFile.night.in_(dates),
        OutputFile.selection_id.is_not(None),
    )
    for file in session.scalars(wanted.order_by(OutputFile.path)):
        key = file.night, file.selection_id or 0
        found[key].setdefault("tables", []).append(file)


def _add_waiting(session: Session, dates: Sequence[date], found: Found) -> None:
    wanted = (
        select(OutputFile.night, OutputFile.selection_id, func.count().label("waiting"))
        .join(SelectedAlert, SelectedAlert.file_id == OutputFile.id)
        .where(SelectedAlert.csv_seq.is_(None), OutputFile.night.in_(dates))
        .group_by(OutputFile.night, OutputFile.selection_id)
    )
    for row in session.execute(wanted):
        found[row.night, row.selection_id]["waiting"] = row.waiting


def _add_cutouts(session: Session, dates: Sequence[date], found: Found) -> None:
    wanted = (
        select(
            OutputFile.night,
            OutputFile.selection_id,
            func.count().label("cutouts"),
            func.sum(OutputFile.length).label("cutout_bytes"),
            func.count(OutputFile.confirmed_at).label("cutouts_confirmed"),
        )
        .where(
            OutputFile.kind == "cutout",
            OutputFile.night.in_(dates),
            OutputFile.selection_id.is_not(None),
            OutputFile.deleted_at.is_(None),
        )
        .group_by(OutputFile.night, OutputFile.selection_id)
    )
    for row in session.execute(wanted):
        found[row.night, row.selection_id] |= {
            "cutouts": row.cutouts,
            "cutout_bytes": int(row.cutout_bytes),
            "cutouts_confirmed": row.cutouts_confirmed,
        }


def _add_runs(session: Session, dates: Sequence[date], found: Found) -> None:
    wanted = select(SelectedRun).where(SelectedRun.night.in_(dates))
    for run in session.scalars(wanted.order_by(SelectedRun.id.desc())):
        found[run.night, run.selection_id].setdefault("runs", []).append(run)
