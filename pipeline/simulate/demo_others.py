"""What the demo reads beside alerts: a table whose lines add up."""

from typing import NamedTuple

from rich.table import Table
from sqlalchemy import func, select

from broker.db import transaction
from broker.dead_letters import DeadLetter
from pipeline.lasair.tables import LasairAlert
from pipeline.selected.sources import DEFAULT, output_root
from pipeline.selected.tables import SelectedRun, Selection
from pipeline.topics import LASAIR


class Source(NamedTuple):
    """One source, over all demos: ``read`` is the sum of the others."""

    name: str
    read: int
    stored: int
    filtered: int
    duplicates: int
    dead_letters: int


def look() -> list[Source]:
    """Return Lasair's filters, and our own selection below this root."""
    mine = select(Selection.id).filter_by(name=DEFAULT, root=str(output_root())).scalar_subquery()
    run = SelectedRun
    counts = (
        run.read_count,
        run.written_count,
        run.filtered_count,
        run.duplicate_count,
        run.failed_count,
    )
    with transaction() as session:
        alerts = session.scalar(select(func.count()).select_from(LasairAlert)) or 0
        of_lasair = select(func.count()).where(DeadLetter.stream == LASAIR)
        letters = session.scalar(of_lasair) or 0
        sums = session.execute(
            select(*(func.coalesce(func.sum(one), 0) for one in counts)).where(
                run.selection_id == mine, run.kind != "rerun"
            )
        ).one()
    return [
        Source(LASAIR, alerts + letters, alerts, 0, 0, letters),
        Source(DEFAULT, *(int(each) for each in sums)),
    ]


def table(sources: list[Source]) -> Table:
    """Return a table of sources for people."""
    found = Table(title="What else was read", title_justify="left")
    found.add_column("source")
    for name in ("messages", "stored", "filtered", "duplicates", "dead letters"):
        found.add_column(name, justify="right")
    for source in sources:
        found.add_row(source.name, *map(str, source[1:]))
    return found
