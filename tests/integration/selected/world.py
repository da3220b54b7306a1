"""Messages of selected alerts made here, and a consumer that a test may let die."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from broker.db import transaction
from broker.kafka_messages import Received
from pipeline.selected import closing, files, messages, sources
from pipeline.selected.messages import Reader
from pipeline.selected.reception import Reception
from pipeline.selected.runs import RunBook
from pipeline.selected.sources import Target
from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun
from pipeline.selected.writer import Writer, rendered
from pipeline.surveys import lsst
from tests.samples import container
from tests.unit.pipeline.selected.test_cutouts import WHOLE
from tests.unit.pipeline.surveys.lsst_packets import alert

TOPIC = "lsst-extendedness-filtered"
OURS = partial(messages.read, is_ours=True)
EVENING = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)


def packet(number: int, **values: Any) -> bytes:
    """Return a message with three whole cutouts, or what is given."""
    images = {f"cutout{kind}": WHOLE for kind in ("Science", "Template", "Difference")}
    source = {"ra": 53.0 + number / 7, "extendedness": 0.31179, "psfFlux": 1000.25 - 300 * number}
    record = alert(source, **images | values)
    record["diaSourceId"] = record["diaSource"]["diaSourceId"] = 2**60 + number
    return container(lsst.package_schema(1101), record)


def received(*values: bytes, first: int = 0) -> list[Received]:
    """Return messages as they lie one behind the other in a partition."""
    at_ms = int(EVENING.timestamp() * 1000)
    return [Received(TOPIC, 0, offset, at_ms, value) for offset, value in enumerate(values, first)]


class Consumer:
    """What a process has: a reception and a writer, with a clock of its own."""

    def __init__(
        self, now: datetime = EVENING, source: str = sources.DEFAULT, *, read: Reader = OURS
    ) -> None:
        self.now = now
        with transaction() as session:
            self.target = sources.claim(session, source)
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731
        self.book = RunBook(self.target.id, "listen", "selected-0")
        self.reception = Reception(
            self.target, self.book, lambda _: "topic-id", read=read, clock=clock
        )
        self.writer = Writer(self.target, 2, clock)

    def work(self, batch: Sequence[Received]) -> None:
        """Store and write a batch, and close what is over."""
        self.writer.write(self.reception.take(batch) if batch else {})
        self._began_now()
        closing.close_due(self.target, self.now)

    def _began_now(self) -> None:
        """Let a run that is under way have begun by this clock: Postgres knows the real one only."""
        under_way = (SelectedRun.selection_id == self.target.id, SelectedRun.state == "running")
        with transaction() as session:
            session.execute(update(SelectedRun).where(*under_way).values(started_at=self.now))


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def expected(session: Session, target: Target) -> dict[str, bytes]:
    """Return what the rows say that there is on disk, Parquet left out."""
    session.expire_all()
    alerts = session.scalars(select(SelectedAlert).order_by(SelectedAlert.id)).all()
    paths = [
        path
        for one in alerts
        for path in (one.science_path, one.template_path, one.difference_path)
        if path is not None
    ]
    tables = session.scalars(select(OutputFile).where(OutputFile.kind == "csv")).all()
    return dict.fromkeys(sorted(paths), WHOLE) | {each.path: rendered(each) for each in tables}


def table_of_rows(root: Path) -> bool:
    """Tell whether every table below a folder is what its rows say."""
    with transaction() as session:
        tables = session.scalars(select(OutputFile).where(OutputFile.kind == "csv")).all()
    return all((root / each.path).read_bytes() == rendered(each) for each in tables)


def counts(session: Session) -> list[tuple[int, ...]]:
    """Return read, written, filtered, failed and duplicate of every run."""
    session.expire_all()
    names = ("read", "written", "filtered", "failed", "duplicate")
    runs = session.scalars(select(SelectedRun).order_by(SelectedRun.id)).all()
    return [tuple(getattr(run, f"{name}_count") for name in names) for run in runs]


def csv_path(target: Target, at: datetime = EVENING) -> str:
    return files.csv_path(target, at.date())
