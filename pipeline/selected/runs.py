"""Runs of consumers: what became of every message that was read, counted where rows are stored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from broker.db import transaction
from pipeline.selected.tables import SelectedRun


@dataclass
class Counts:
    """What became of messages; ``read`` is the sum of the four behind it.

    Attributes
    ----------
    read, written, filtered, failed, duplicate : int
        Messages.
    no_packet, missing_cutout, broken_cutout : int
        Of what was written.
    late : int
        Lines of rows that a process before this one had stored and not written.
    mended : int
        Files that were lost or changed, and are made again.
    """

    read: int = 0
    written: int = 0
    filtered: int = 0
    failed: int = 0
    duplicate: int = 0
    no_packet: int = 0
    missing_cutout: int = 0
    broken_cutout: int = 0
    late: int = 0
    mended: int = 0

    def add(self, other: "Counts") -> None:
        """Count what another batch had."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def columns(self) -> Mapping[str, int]:
        """Return the counts as ``selected_runs`` names them."""
        return {f"{name}_count": value for name, value in asdict(self).items()}


class RunBook:
    """The row of a run; a run that goes on past midnight UTC has one for each date.

    Parameters
    ----------
    selection_id : int
        ``selections.id``.
    kind, slot : str
        ``listen``, ``collect`` or ``rerun``, and which process of its kind.
    by : str, optional
        Who asked for it.
    """

    def __init__(self, selection_id: int, kind: str, slot: str, by: str | None = None) -> None:
        self._by = by
        self._place = {"selection_id": selection_id, "kind": kind, "slot": slot}
        self._night: date | None = None
        self._id = 0
        self.total = Counts()

    def begin(self, night: date) -> None:
        """Have a row for this date, once; one that a dead process left behind is ended."""
        if self._night == night:
            return
        if self._night is not None:
            self.end("done")
        left = [getattr(SelectedRun, name) == value for name, value in self._place.items()]
        with transaction() as session:
            session.execute(
                update(SelectedRun)
                .where(*left, SelectedRun.state == "running")
                .values(state="interrupted", ended_at=SelectedRun.updated_at)
            )
            made = insert(SelectedRun).values(**self._place, night=night, requested_by=self._by)
            self._id = session.scalars(made.returning(SelectedRun.id)).one()
        self._night = night

    def resume(self, night: date, since: datetime) -> int | None:
        """Go on with the run of this place and date that is under way.

        Parameters
        ----------
        night : date
            UTC.
        since : datetime
            One that counted nothing after this moment (UTC) is not gone on with.

        Returns
        -------
        int or None
            How many messages it has read; None where none is under way.
        """
        under_way = (
            select(SelectedRun)
            .filter_by(**self._place, night=night, state="running")
            .where(SelectedRun.updated_at >= since)
        )
        with transaction() as session:
            found = session.scalars(under_way).one_or_none()
        if found is None:
            return None
        self._id, self._night = found.id, night
        return found.read_count

    def add(self, session: Session, counts: Counts) -> None:
        """Count messages in the transaction that stores what became of them."""
        sums = {
            name: getattr(SelectedRun, name) + value for name, value in counts.columns().items()
        }
        session.execute(
            update(SelectedRun)
            .where(SelectedRun.id == self._id)
            .values(**sums, updated_at=func.now())
        )

    def end(self, state: str, *, behind: int = 0, error: str | None = None) -> None:
        """Note how the run ended."""
        if self._night is None:
            return
        values: dict[str, Any] = {"state": state, "behind_count": behind, "error": error}
        with transaction() as session:
            session.execute(
                update(SelectedRun)
                .where(SelectedRun.id == self._id)
                .values(**values, updated_at=func.now(), ended_at=func.now())
            )
        self._night = None
