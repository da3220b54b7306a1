"""The demo's selected alerts: tonight's table, a cutout, and Parquet of the night before."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from broker.db import transaction
from pipeline.selected.sources import DEFAULT, output_root
from pipeline.selected.tables import OutputFile, Selection


@dataclass(frozen=True)
class Look:
    """Files of the newest night, and of the one before it.

    Attributes
    ----------
    table, cutout : Path or None
        The table, and one of the cutouts; None while there is none.
    rows, cutouts : int
        Lines, and files.
    parquet : Path or None
        Of the newest night that is over.
    """

    table: Path | None = None
    cutout: Path | None = None
    rows: int = 0
    cutouts: int = 0
    parquet: Path | None = None

    def __str__(self) -> str:
        if self.table is None:
            return "Selected alerts: none yet"
        over = f"\nThe night before: {self.parquet}" if self.parquet else ""
        return f"Selected alerts: {self.rows} lines, {self.cutouts} cutouts; {self.table}{over}"


def look() -> Look:
    """Return what there is of the newest night of our own selection below this root."""
    root = output_root()
    with transaction() as session:
        mine = select(Selection.id).filter_by(name=DEFAULT, root=str(root)).scalar_subquery()
        of_mine = OutputFile.selection_id == mine
        tables = select(OutputFile).where(of_mine, OutputFile.kind == "csv")
        newest = session.scalars(tables.order_by(OutputFile.night.desc()).limit(1)).one_or_none()
        if newest is None or newest.rows == 0:
            return Look()
        cutouts = select(func.max(OutputFile.path), func.count()).where(
            of_mine, OutputFile.kind == "cutout", OutputFile.night == newest.night
        )
        path, count = session.execute(cutouts).one()
        closed = select(func.max(OutputFile.path)).where(of_mine, OutputFile.kind == "parquet")
        parquet = session.scalar(closed)
    cutout = root / path if path else None
    over = root / parquet if parquet else None
    return Look(root / newest.path, cutout, newest.rows, count, over)
