"""``manage.py notice FILE…``: take GCN's notices by hand, as if they had come by Kafka."""

import logging
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.base import CommandError

from broker import logs
from broker.archive_index import ArchiveError, cut, segments_named
from broker.celery import doorbell
from broker.command import ProjectCommand
from broker.config import config, project_path
from broker.db import transaction
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka_messages import Received
from broker.migrate import require_migrated
from pipeline.clients.gracedb import GraceDb, GraceDbError
from pipeline.gw.notices import BadNotice, read_notice
from pipeline.gw.reception import Reception
from pipeline.gw.step_registry import named
from pipeline.gw.voevents import parse_voevent
from pipeline.topics import NOTICE_STREAMS, notice_stream

STREAM = "igwn"
VOEVENTS = "voevent"
FILE_TOPIC = "file"
DRAIN_S = 2.0
NEVER = datetime.max.replace(tzinfo=UTC)
_TOPICS = {topic: stream.name for stream in NOTICE_STREAMS for topic in stream.topics}


class Given(NamedTuple):
    """One notice, and where it was found."""

    name: str
    raw: bytes
    stream: str = STREAM
    topic: str = FILE_TOPIC
    is_letter: bool = False


class Command(ProjectCommand):
    """Store notices and start their steps; a notice that is known changes nothing."""

    help = (
        "Take notices from files (JSON as on igwn.gwalert, VOEvents, or with --topic what another "
        "topic of GCN brings), from GraceDB, or from dead letters of any of GCN's streams: when "
        "GCN was away or our code was wrong, and to try things. They are stored, told and planned "
        "as if they had come by Kafka. With --verbosity 2 the log is written as well."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
        parser.add_argument(
            "--letter",
            nargs="+",
            type=int,
            default=[],
            metavar="ID",
            help="dead letters whose notices are read again from the archive",
        )
        parser.add_argument(
            "--gracedb",
            nargs="+",
            default=[],
            metavar="EVENT",
            help="events whose notices are fetched from GraceDB, for when GCN was away",
        )
        parser.add_argument(
            "--topic",
            choices=_TOPICS,
            metavar="TOPIC",
            help="GCN's topic that the files came by, as gcn.notices.swift.bat.guano",
        )
        parser.add_argument(
            "--as-of",
            type=_time,
            metavar="TIME",
            help="ISO time (UTC) taken for now: an old notice is then not too old to be told",
        )
        parser.add_argument(
            "--silent",
            action="store_true",
            help="store notices that are too old to be told without a word, instead of refusing",
        )

    def handle(self, **options: Any) -> None:
        require_migrated()
        as_of: datetime | None = options["as_of"]
        given = [
            *_from_files(options["files"], options["topic"]),
            *_from_letters(options["letter"]),
            *_from_gracedb(options["gracedb"]),
        ]
        if not given:
            raise CommandError("name at least one FILE, or --letter ID, or --gracedb EVENT")
        if not options["silent"]:
            _refuse_old(given, as_of or datetime.now(UTC))
        # The log would say once more what is printed here.
        with logs.at_least(logging.DEBUG if options["verbosity"] > 1 else logging.WARNING):
            refused = self._take_all(given, as_of)
        if refused:
            raise CommandError(f"refused, see the dead letters: {', '.join(refused)}")

    def _take_all(self, given: list[Given], as_of: datetime | None) -> list[str]:
        """Take notices; return the names of those that were buried."""
        receptions = {
            stream: _reception(stream, as_of) for stream in {each.stream for each in given}
        }
        refused = [each.name for each in given if not self._take(receptions[each.stream], each)]
        for reception in receptions.values():
            reception.close()
        doorbell.drain(DRAIN_S)
        return refused

    def _take(self, reception: Reception, notice: Given) -> bool:
        now_ns = time.time_ns()
        message = Received(notice.topic, 0, now_ns, now_ns // 1_000_000, notice.raw)
        stored = reception.take(message)
        if stored is not None:
            self.stdout.write(f"{notice.name}: {stored.text}")
        return stored is not None


def _reception(stream: str, as_of: datetime | None) -> Reception:
    return Reception(
        stream,
        named(notice_stream(stream).intake),
        lambda _topic: "",
        topic_prefix=config().gcn.topic_prefix,
        clock=lambda: as_of or datetime.now(UTC),
    )


def _from_files(files: list[Path], topic: str | None) -> Iterator[Given]:
    for file in files:
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        if topic is not None:
            yield Given(str(file), raw, _TOPICS[topic], f"{config().gcn.topic_prefix}{topic}")
        else:
            is_xml = raw.lstrip().startswith(b"<")
            yield Given(str(file), raw, VOEVENTS if is_xml else STREAM)


def _from_letters(ids: list[int]) -> Iterator[Given]:
    root = project_path(config().archive.path)
    streams = [stream.name for stream in NOTICE_STREAMS]
    for letter_id in ids:
        with transaction() as session:
            letter = session.get(DeadLetter, letter_id)
            if letter is None or letter.stream not in streams or letter.archive_segment_id is None:
                known = ", ".join(streams)
                raise CommandError(f"{letter_id} is no dead letter of {known} with its packet")
            [segment] = segments_named(session, [letter.archive_segment_id])
        try:
            raw = cut(root, segment, letter.archive_start or 0, letter.archive_length or 0)
        except ArchiveError as error:
            raise CommandError(f"dead letter {letter_id}: {error}") from None
        yield Given(f"letter {letter_id}", raw, letter.stream, letter.topic, is_letter=True)


def _from_gracedb(events: list[str]) -> Iterator[Given]:
    with GraceDb.from_settings(config().gracedb) as gracedb:
        for event in events:
            try:
                found = gracedb.notices(event)
            except (GraceDbError, TransientError) as error:
                raise CommandError(str(error)) from None
            for number, raw in enumerate(sorted(found, key=_made_at), 1):
                yield Given(f"{event}, {number} of {len(found)}", raw)


def _refuse_old(given: list[Given], now: datetime) -> None:
    """Refuse what would be stored without a word: once stored, no later time tells of it."""
    limit_h = config().gw.max_notice_age_h
    for each in given:
        is_dated = each.stream in _MADE_AT and not each.is_letter
        made_at = _MADE_AT[each.stream](each.raw) if is_dated else now
        if now - made_at > timedelta(hours=limit_h):
            raise CommandError(
                f"{each.name} is of {made_at:%Y-%m-%dT%H:%MZ}, more than {limit_h:g} h"
                " (gw.max_notice_age_h) ago: nobody would be told. Nothing was taken. Say"
                f" --as-of {made_at:%Y-%m-%dT%H:%M} to tell and plan it, or --silent to store it."
            )


def _made_at(raw: bytes) -> datetime:
    """Return when a notice was made; those that cannot be read come last, to be buried."""
    try:
        return read_notice(raw).time_created
    except BadNotice:
        return NEVER


def _burst_at(raw: bytes) -> datetime:
    """Return when a VOEvent's burst was, which says how old its packet is."""
    try:
        return parse_voevent(raw).trigger_time or NEVER
    except BadNotice:
        return NEVER


_MADE_AT: Mapping[str, Callable[[bytes], datetime]] = {STREAM: _made_at, VOEVENTS: _burst_at}


def _time(text: str) -> datetime:
    time_ = datetime.fromisoformat(text)
    return time_.replace(tzinfo=UTC) if time_.tzinfo is None else time_
