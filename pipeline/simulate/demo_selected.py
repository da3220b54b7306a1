"""The demo's selected alerts: a table, a cutout, and Parquet before the night is over."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from broker.db import transaction
from pipeline.selected import disk, rendering
from pipeline.selected.files import parquet_path
from pipeline.selected.sources import DEFAULT, output_root
from pipeline.selected.tables import OutputFile, Selection
from pipeline.selected.writer import row_chunks


@dataclass(frozen=True)
class Look:
    """Files of the newest night.

    Attributes
    ----------
    table, cutout : Path or None
        The table, and one of the cutouts; None while there is none.
    rows, cutouts : int
        Lines, and files.
    """

    table: Path | None = None
    cutout: Path | None = None
    rows: int = 0
    cutouts: int = 0

    def __str__(self) -> str:
        if self.table is None:
            return "Selected alerts: none yet"
        return f"Selected alerts: {self.rows} lines, {self.cutouts} cutouts; {self.table}"


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
    return Look(root / newest.path, root / path if path else None, newest.rows, count)


def snapshot(folder: Path) -> Path | None:
    """Write the newest table as Parquet into a folder of the demo's; None without one.

    The true one is written beside the table when its UTC date is over.
    """
    found = look()
    if found.table is None:
        return None
    path = str(found.table.relative_to(output_root()))
    with transaction() as session:
        wanted = select(OutputFile).filter_by(root=str(output_root()), path=path)
        file = session.scalars(wanted).one()
    name = parquet_path(found.table.name)
    disk.write_whole(folder, name, rendering.parquet(row_chunks(file.id), file.columns or ()))
    return folder / name
