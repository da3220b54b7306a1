"""Write an invented night of alerts: ``manage.py simulate --to kafka``."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from broker import kafka_admin
from broker.command import ProjectCommand, day
from broker.config import config
from broker.kafka import Producer, own_connection
from pipeline import bootstrap, simulate
from pipeline.simulate import feed
from pipeline.simulate.catalogs import write_catalog
from pipeline.simulate.truth import SimulatedPacket, write_table

_CATALOG_OPTIONS = {"lspsc": "catalog", "gaia_dr3": "archival"}


class Command(ProjectCommand):
    help = (
        "Write schema-true ZTF and LSST packets of an invented night to Kafka or a folder, with a "
        "truth table and the catalogs that agree with them. Same seed and start: same bytes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", help="kafka, or a folder; without it only tables are written")
        parser.add_argument("--ztf", type=int, default=300, help="ZTF packets in all (300)")
        parser.add_argument("--lsst", type=int, default=300, help="LSST packets in all (300)")
        parser.add_argument("--seed", type=int, default=1, help="(1)")
        parser.add_argument("--nights", type=int, default=1, help="7: pairs on days 1, 3, 5, 7 (1)")
        parser.add_argument(
            "--start", type=day, default=None, help="first night, YYYY-MM-DD (the last one)"
        )
        parser.add_argument("--rate", type=float, default=0.0, help="alerts/s; 0 is no limit (0)")
        parser.add_argument("--bad", type=float, default=0.0, help="share that is unreadable (0)")
        parser.add_argument(
            "--duplicates", type=float, default=0.01, help="share that comes twice (0.01)"
        )
        parser.add_argument(
            "--lsst-schemas", type=_ids, default=(1101,), help="ids, taken in turn: 1101,1000"
        )
        parser.add_argument("--truth", type=Path, help="write the truth table, one JSON per line")
        parser.add_argument("--catalog", type=Path, help="write LSPSC rows, .csv or .parquet")
        parser.add_argument("--archival", type=Path, help="write Gaia-like rows, .csv or .parquet")
        parser.add_argument(
            "--background", type=int, default=2000, help="LSPSC rows far from sources (2000)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        start = options["start"] or datetime.now(UTC).date() - timedelta(days=1)
        try:
            sky = simulate.sky(
                options["seed"],
                ztf=options["ztf"],
                lsst=options["lsst"],
                nights=options["nights"],
                start=start,
                bad=options["bad"],
                duplicates=options["duplicates"],
                lsst_topic=config().streams.lsst.topic,
                lsst_schemas=options["lsst_schemas"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"seed {options['seed']}, first night {start}")
        self._write_catalogs(sky, options)
        if options["to"] is None:
            self._write_truth(sky, options["truth"])
        else:
            self._send(sky, options)

    def _write_catalogs(self, sky: simulate.Sky, options: dict[str, Any]) -> None:
        catalogs = sky.catalogs(options["background"])
        for name, option in _CATALOG_OPTIONS.items():
            if path := options[option]:
                rows = write_catalog(catalogs[name], path)
                self.stdout.write(
                    f"{rows:,} rows in {path}; load them: manage.py load_catalog {name} {path}"
                )

    def _write_truth(self, sky: simulate.Sky, path: Path | None) -> None:
        if path is not None:
            self.stdout.write(f"{write_table(sky.truths(), path):,} rows of truth in {path}")

    def _send(self, sky: simulate.Sky, options: dict[str, Any]) -> None:
        total = options["ztf"] + options["lsst"]
        started = monotonic()
        with _watched(total, options["truth"]) as seen:
            if options["to"] == "kafka":
                _make_topics(sky)
                try:
                    feed.to_kafka(
                        sky.packets(), Producer(own_connection("feed")), options["rate"], seen
                    )
                except feed.FeedError as error:
                    raise CommandError(str(error)) from None
            else:
                feed.to_folder(sky.packets(), Path(options["to"]), options["rate"], seen)
        seconds = max(monotonic() - started, 1e-9)
        self.stdout.write(
            f"{total:,} packets to {options['to']} in {seconds:.1f} s, {total / seconds:,.0f}/s"
        )


@contextmanager
def _watched(total: int, truth: Path | None) -> Iterator[feed.Seen]:
    """Give what is told of every portion sent: it moves the bar and writes the truth."""
    file: TextIO | None = truth.open("w", encoding="utf-8") if truth else None
    progress = Progress(
        TextColumn("simulate"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with progress:
        bar = progress.add_task("", total=total, rate=0.0)
        started = monotonic()

        def seen(portion: list[SimulatedPacket]) -> None:
            progress.advance(bar, len(portion))
            done = progress.tasks[bar].completed
            progress.update(bar, rate=done / max(monotonic() - started, 1e-9))
            if file is not None:
                file.writelines(packet.truth.as_line() + "\n" for packet in portion)

        try:
            yield seen
        finally:
            if file is not None:
                file.close()


def _make_topics(sky: simulate.Sky) -> None:
    """Make the nightly topics: the feed itself may only write."""
    names = sorted(sky.topics())
    kafka_admin.ensure_topics(bootstrap.input_topic(config(), name) for name in names)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
