"""The consumer of the benchmark, in a process of its own: its memory is nobody else's."""

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import psutil
from sqlalchemy import func, select

SOURCE = "selected"


@dataclass
class Consumed:
    """What the consumer took.

    Attributes
    ----------
    written : int
        Rows.
    took_s, cpu_s : float
        Of ``collect``: joining, rows, files; threads included [s].
    memory : list of tuple of int
        Alerts read so far, and the resident memory then [bytes], between any two batches.
    tables : tuple of str
        Closed afterwards, as on the next morning.
    closing_s : float
        That took so long [s].
    closing_bytes : int
        Resident memory after that.
    """

    written: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0
    memory: list[tuple[int, int]] = field(default_factory=list)
    tables: tuple[str, ...] = ()
    closing_s: float = 0.0
    closing_bytes: int = 0


def main() -> None:
    """Collect everything, close the night, and print what it took as JSON."""
    from broker import logs
    from broker.db import transaction
    from pipeline.selected import closing, sources
    from pipeline.selected.collect import collect

    logs.configure()
    found, process = Consumed(), psutil.Process()

    def look() -> bool:
        found.memory.append((_read(), process.memory_info().rss))
        return False

    cpu_s, began_s = time.process_time(), time.perf_counter()
    done = collect(SOURCE, is_stopping=look)
    found.took_s = time.perf_counter() - began_s
    found.cpu_s, found.written = time.process_time() - cpu_s, done.counts.written
    look()
    began_s = time.perf_counter()
    with transaction() as session:
        target = sources.claim(session, SOURCE)
    closed = closing.close_due(target, datetime.now(UTC) + timedelta(days=1))
    found.tables = tuple(each.path for each in closed)
    found.closing_s = time.perf_counter() - began_s
    found.closing_bytes = process.memory_info().rss
    print(json.dumps(asdict(found)))


def _read() -> int:
    from broker.db import transaction
    from pipeline.selected.tables import SelectedRun

    with transaction() as session:
        return int(session.scalar(select(func.sum(SelectedRun.read_count))) or 0)


if __name__ == "__main__":
    main()
