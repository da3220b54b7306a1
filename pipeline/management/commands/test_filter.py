"""Try a filter file on packets: of a past night, or of a folder."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from sqlalchemy import text

from broker.archive import Slice
from broker.archive_index import ArchiveError, Segment, read_slice
from broker.avro import UnreadableError
from broker.avro_schema import SchemaUnreachableError
from broker.command import ProjectCommand, day
from broker.config import config, project_path
from broker.db import transaction
from pipeline.filters import locus, trial
from pipeline.filters.locus import Locus
from pipeline.simulate import folder
from pipeline.surveys import survey

SHOWN = 20
SURVEY = "lsst"
_OF_NIGHT = text("""
    SELECT g.id, g.host, g.path, a.archive_start, a.archive_length, a.archive_crc32
    FROM alerts AS a JOIN archive_segments AS g ON g.id = a.archive_segment_id
    WHERE a.survey = :survey AND a.night = :night ORDER BY a.id LIMIT :most
""")


class Command(ProjectCommand):
    """Run a filter of the ANTARES DevKit, or a plain function, on LSST packets."""

    help = (
        "Try the filter in FILE (a BaseFilter of the ANTARES DevKit, or a function of a locus) on "
        "LSST packets of a past night or of a folder. It runs with your rights: read it first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a Python file with one filter")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--night", type=day, help="YYYY-MM-DD, from the archive")
        where.add_argument("--packets", type=Path, help="a folder of packets, as in make demo")
        parser.add_argument("--most", type=int, default=10_000, help="packets at most (10000)")

    def handle(self, **options: Any) -> None:
        night, most = options["night"], options["most"]
        packets = _of_night(night, most) if night else _of_folder(options["packets"], most)
        self.unreadable = 0
        try:
            tried = trial.try_on(options["file"], self._loci(packets))
        except (trial.TrialError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        if not tried.statuses:
            raise CommandError(self._why_none(options))
        self._tell(tried)

    def _why_none(self, options: dict[str, Any]) -> str:
        if self.unreadable:
            return f"nothing was tried: none of {self.unreadable} packets could be read"
        if options["night"]:
            return f"nothing was tried: no LSST packet of the night {options['night']} is known"
        return f"nothing was tried: no packet below {options['packets']} is one of LSST"

    def _loci(self, packets: Iterator[bytes | None]) -> Iterator[Locus]:
        read = survey(SURVEY).read
        for packet in packets:
            try:
                record = None if packet is None else read(packet)
            except (UnreadableError, SchemaUnreachableError):
                record = None
            if record is None:
                self.unreadable += 1
            else:
                yield locus.of_lsst(record)

    def _tell(self, tried: trial.Tried) -> None:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(tried.statuses.items()))
        self.stdout.write(f"{tried.name}: {counts}")
        if self.unreadable:
            self.stdout.write(f"{self.unreadable} packets could not be read.")
        for tag, count in sorted(tried.tags.items()):
            self.stdout.write(f"{count} tagged {tag}")
        if tried.tagged:
            more = " …" if len(tried.tagged) > SHOWN else ""
            self.stdout.write("tagged: " + " ".join(tried.tagged[:SHOWN]) + more)
        for error in tried.errors:
            self.stdout.write(f"error: {error}")


def _of_folder(path: Path, most: int) -> Iterator[bytes | None]:
    found = (packet.value for packet in folder.packets(path) if packet.stream == SURVEY)
    yield from (value for _, value in zip(range(most), found, strict=False))


def _of_night(night: date, most: int) -> Iterator[bytes | None]:
    """Yield the archived packets of a night; None for what cannot be had any more."""
    root = project_path(config().archive.path)
    with transaction() as session:
        values = {"survey": SURVEY, "night": night, "most": most}
        rows = session.execute(_OF_NIGHT, values).all()
    for segment_id, host, path, start, length, crc32 in rows:
        try:
            piece = Slice(segment_id, start, length, crc32)
            yield read_slice(root, Segment(segment_id, host, path), piece)
        except ArchiveError:
            yield None
