"""Load a static catalog from disk: ``manage.py load_catalog NAME PATH``."""

from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from typing import Any, Self

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from broker.command import ProjectCommand
from pipeline.catalogs import CATALOGS, catalog
from pipeline.catalogs.load import Loaded, Wish, load, own_connection
from pipeline.catalogs.record import Catalog, LoadError
from pipeline.catalogs.source import Format
from pipeline.catalogs.stage import Step


class Command(ProjectCommand):
    help = (
        "Load a static catalog from CSV, FITS, Parquet, a directory of Parquet files or HATS. "
        "The old rows stay in use until the new ones are complete; the same file again is no work."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=[record.name for record in CATALOGS])
        parser.add_argument("path", type=Path, help="file or directory")
        parser.add_argument(
            "--separator", default="", help="between a CSV's cells: one character, or tab"
        )
        parser.add_argument("--encoding", default="utf-8", help="of a CSV's text")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="OURS=THEIRS",
            help="take our column from that column of the file; may be repeated",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="load even an unchanged file, or one with less than a tenth of the old rows",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        record = catalog(options["name"])
        started = monotonic()
        try:
            wish = Wish(
                options["path"],
                Format(options["separator"], options["encoding"]),
                dict(_pair(text) for text in options["column"]),
                options["force"],
            )
            with own_connection() as connection, _Bar() as bar:
                loaded = load(connection, record, wish, bar.show)
        except LoadError as error:
            raise CommandError(str(error)) from None
        for line in summary(record, loaded, monotonic() - started):
            self.stdout.write(line)


def summary(record: Catalog, loaded: Loaded, seconds: float) -> list[str]:
    """Return what an operator should know of a load, line by line."""
    if loaded.was_there:
        return [f"{record.name}: the same file is loaded already, {loaded.rows:,} rows"]
    rate = loaded.rows / max(seconds, 1e-9)
    lines = [
        f"{record.name}: {loaded.rows:,} rows in {seconds:.1f} s, {rate:,.0f} rows/s",
        "columns: " + ", ".join(f"{ours} from {theirs}" for ours, theirs in loaded.pairs.items()),
    ]
    if empty := [c.name for c in record.columns if c.name not in loaded.pairs]:
        lines.append(f"empty, the file has none: {', '.join(empty)}")
    if loaded.unused:
        lines.append(f"not used: {', '.join(name.strip() for name in loaded.unused)}")
    if loaded.bad_rows:
        lines.append(f"left out for their position: {loaded.bad_rows:,} rows")
        lines += [f"  row {bad.row}: ra {bad.ra}, dec {bad.dec}" for bad in loaded.bad]
    return lines


def _pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not (ours and sign and theirs):
        raise LoadError(f"--column {text}: wanted OURS=THEIRS")
    return ours.strip(), theirs


class _Bar:
    """A progress bar on stderr, shown where a person looks on."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("opening", total=None, rows=0, rate=0.0)
        self._started = monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, step: Step) -> None:
        self._progress.update(
            self._task,
            description=step.text,
            completed=step.done,
            total=step.total or None,
            rows=step.rows,
            rate=step.rows / max(monotonic() - self._started, 1e-9),
        )
