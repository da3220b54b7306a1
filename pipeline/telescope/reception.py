"""Take a batch of what telescopes say: read, store or bury, settle; safe to repeat at any point."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import structlog
from nightjar_telescope.schema import describe
from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker import dead_letters
from broker.archive import ArchiveWriter
from broker.attempts import Attempts
from broker.avro import UnreadableError
from broker.config import config, project_path
from broker.db import transaction
from broker.isolating import taken
from broker.kafka_messages import Received
from broker.message_letters import Bad, keep, letter_of
from broker.ranges.sources import known_source
from broker.sections.telescope import STREAM
from pipeline.telescope import latest, tables
from pipeline.telescope.codec import Codec
from pipeline.telescope.decode_data import is_odd_time
from pipeline.telescope.facts import Ack
from pipeline.telescope.fold import judge
from pipeline.telescope.record import HEARD, heard_on
from pipeline.telescope.settle import Settled, ack_of, settle
from pipeline.telescope.tables import (
    TelescopeAcknowledgment,
    TelescopeCommand,
)

ID_CHARACTERS = 255
"""Longest component: it is part of a key."""
_PLACE = ("source_id", "source_partition", "source_offset")
_TABLES: Mapping[str, Any] = {
    "acknowledgments": (TelescopeAcknowledgment, "ack_id"),
    "status": (tables.TelescopeStatus, "status_id"),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Good:
    """A message that can be stored: its kind, and its columns."""

    received: Received
    kind: str
    columns: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Telescope and id: under these it is stored once."""
        return self.columns["telescope"], self.columns[_TABLES[self.kind][1]]


class TelescopeReception:
    """Takes acknowledgments and status of all telescopes.

    Parameters
    ----------
    topic_ids : callable
        Returns Kafka's id of a topic: one that was made anew has another.
    codec : Codec
        Reads them.
    """

    def __init__(self, topic_ids: Callable[[str], str], codec: Codec) -> None:
        self._topic_ids = topic_ids
        self._codec = codec
        archive = config().archive
        self._archive = ArchiveWriter(project_path(archive.path), archive.segment_bytes)
        self._attempts = Attempts()
        self._sources: dict[str, int] = {}
        self._next: dict[tuple[str, int], int] = {}

    def take(self, messages: Sequence[Received]) -> None:
        """Store the messages that are not stored yet, bury the bad ones, settle their commands.

        Raises
        ------
        OUTAGES
            If a server or the disk is away: nothing was decided, take them again.
        """
        self._take_all(messages, self._known(messages))

    def take_again(self, message: Received, source_id: int) -> None:
        """Take the message of a dead letter, under the log (``sources.id``) that it came from."""
        self._codec.ask_again()
        self._take_all([message], {message.topic: source_id})

    def forget_sources(self) -> None:
        """Ask for the topics' ids again."""
        self._sources.clear()

    def close(self) -> None:
        """Close the archive's segment."""
        self._archive.close()

    def _take_all(self, messages: Sequence[Received], sources: Mapping[str, int]) -> None:
        def take(some: Sequence[Received]) -> None:
            self._take(sources, [self._read(message, sources) for message in some])

        def bury(bad: Bad) -> None:
            self._take(sources, [bad])

        for _ in taken(self._attempts, messages, sources, take, bury):
            pass  # each piece is counted where it is stored

    def _known(self, messages: Sequence[Received]) -> Mapping[str, int]:
        """Return the rows of the topics as they are now; offsets that go back ask for them anew."""
        for message in messages:
            place = message.topic, message.partition
            if message.offset < self._next.get(place, 0):
                self._sources.pop(message.topic, None)
            self._next[place] = message.offset + 1
        for topic in {message.topic for message in messages} - self._sources.keys():
            topic_id = self._topic_ids(topic)
            with transaction() as session:
                self._sources[topic] = known_source(session, STREAM, topic, topic_id)
        return self._sources

    def _read(self, message: Received, sources: Mapping[str, int]) -> Good | Bad:
        whose = heard_on(message.topic)
        if whose is None:
            return Bad(
                message, "unexpected", f"{message.topic} is no topic of a telescope any more"
            )
        telescope, kind = whose
        try:
            said, wrong = self._codec.decode(HEARD[kind], message.value)
        except UnreadableError as error:
            return Bad(message, error.reason, str(error))
        if len(getattr(said, "component", "")) > ID_CHARACTERS:
            return Bad(message, "bad_value", f"component: more than {ID_CHARACTERS} characters")
        if wrong:
            log.warning(
                "telescope.left_out", topic=message.topic, offset=message.offset, wrong=wrong
            )
        place = (sources[message.topic], message.partition, message.offset)
        columns = {field.name: _plain(getattr(said, field.name)) for field in describe(HEARD[kind])}
        return Good(
            message,
            kind,
            {
                **columns,
                "telescope": telescope.name,
                "received_at": min(message.written_at, datetime.now(UTC)),
                **dict(zip(_PLACE, place, strict=True)),
            },
        )

    def _take(self, sources: Mapping[str, int], judged: Sequence[Good | Bad]) -> None:
        good = [each for each in judged if isinstance(each, Good)]
        bad = [each for each in judged if isinstance(each, Bad)]
        with transaction() as session:
            new = {kind: self._store(session, kind, good) for kind in _TABLES}
            bad += _conflicts(session, good, [each for some in new.values() for each in some])
            dispositions = _acknowledge(session, new["acknowledgments"])
            latest.refresh(session, [each.columns for each in new["status"]])
            self._bury(session, sources, bad)
        log.info(
            "telescope.taken",
            read=len(judged),
            acknowledgments=len(new["acknowledgments"]),
            status=len(new["status"]),
            failed=len(bad),
            odd_times=_odd_times(good),
            dispositions=dict(dispositions),
        )

    def _store(self, session: Session, kind: str, good: Sequence[Good]) -> list[Good]:
        """Insert rows of one kind; return what was not there yet."""
        wanted = [each for each in good if each.kind == kind]
        if not wanted:
            return []
        table, _ = _TABLES[kind]
        more = {"disposition": "applied"} if kind == "acknowledgments" else {}
        place = [getattr(table, name) for name in _PLACE]
        statement = insert(table).on_conflict_do_nothing().returning(*place)
        rows = [each.columns | more for each in wanted]
        made = {tuple(row) for row in session.execute(statement, rows)}
        return [each for each in wanted if _place(each.columns) in made]

    def _bury(self, session: Session, sources: Mapping[str, int], bad: Sequence[Bad]) -> None:
        by_topic: dict[str, list[dead_letters.Letter]] = defaultdict(list)
        for each in bad:
            topic = each.message.topic
            piece = keep(self._archive, STREAM, sources[topic], each.message)
            letter = letter_of(each.message, each.reason, each.why, trace=each.trace, archive=piece)
            by_topic[topic].append(letter)
        for topic, letters in by_topic.items():
            dead_letters.bury(session, STREAM, topic, sources[topic], letters)


def _odd_times(good: Iterable[Good]) -> int:
    """Return how many messages were written by a clock that cannot be right."""
    now_ms = time.time_ns() // 1_000_000
    return sum(is_odd_time(each.columns["timestamp"], now_ms) for each in good)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def _conflicts(session: Session, good: Sequence[Good], new: Sequence[Good]) -> list[Bad]:
    """Return what has the id of something that is stored and says something else."""
    known = {_place(each.columns) for each in new}
    old = [each for each in good if _place(each.columns) not in known]
    found = []
    for kind, (table, name) in _TABLES.items():
        some = [each for each in old if each.kind == kind]
        if not some:
            continue
        key = tuple_(table.telescope, getattr(table, name))
        rows = session.scalars(select(table).where(key.in_([each.key for each in some])))
        stored = {(row.telescope, getattr(row, name)): row for row in rows}
        found += [
            Bad(each.received, "conflict", f"{name} {each.key[1]} is kept and says: {wrong}")
            for each in some
            if (wrong := _difference(each, stored[each.key]))
        ]
    return found


def _difference(each: Good, row: Any) -> str:
    """Return where a stored row differs from what came under the same id; empty: nowhere."""
    if _place(each.columns) == tuple(getattr(row, name) for name in _PLACE):
        return ""
    said = (field.name for field in describe(HEARD[each.kind]))
    other = {name: getattr(row, name) for name in said if getattr(row, name) != each.columns[name]}
    return ", ".join(f"{name} {value!r}" for name, value in other.items())


def _acknowledge(session: Session, new: Sequence[Good]) -> Counter[str]:
    """Settle the commands of acknowledgments that are stored now; note what became of each."""
    if not new:
        return Counter()
    command_ids = {each.columns["command_id"] for each in new}
    columns = TelescopeCommand.command_id, TelescopeCommand.telescope
    known = session.execute(select(*columns).where(columns[0].in_(command_ids)))
    whose = {name: telescope for name, telescope in known}  # noqa: C416 rows are no tuples to mypy
    settled = settle(session, [name for name in command_ids if name in whose])
    earlier = _stored_before(settled, new)
    found: Counter[str] = Counter()
    changes = []
    for each in sorted(new, key=lambda one: _place(one.columns)):
        command_id = each.columns["command_id"]
        ack = _ack(each.columns)
        if command_id not in whose:
            disposition = "unknown_command"
        elif whose[command_id] != each.columns["telescope"]:
            disposition = "wrong_telescope"
        else:
            disposition = judge(ack, earlier[command_id], settled[command_id].outcome)
            earlier[command_id].append(ack)
        found[disposition] += 1
        if disposition != "applied":
            changes.append((*_place(each.columns), disposition))
    _note(session, changes)
    return found


def _stored_before(settled: Mapping[str, Settled], new: Iterable[Good]) -> dict[str, list[Ack]]:
    """Return the acknowledgments of commands that were stored before these."""
    ids = {each.columns["ack_id"] for each in new}
    found: dict[str, list[Ack]] = defaultdict(list)
    for name, each in settled.items():
        found[name] = [ack for ack in each.acks if ack.ack_id not in ids]
    return found


def _note(session: Session, changes: Collection[tuple[Any, ...]]) -> None:
    """Write what became of acknowledgments: one statement for each word."""
    by_word: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for *place, word in changes:
        by_word[word].append(tuple(place))
    place_columns = tuple_(*(getattr(TelescopeAcknowledgment, name) for name in _PLACE))
    for word, places in by_word.items():
        session.execute(
            update(TelescopeAcknowledgment)
            .where(place_columns.in_(places))
            .values(disposition=word)
            .execution_options(synchronize_session=False)
        )


def _ack(columns: Mapping[str, Any]) -> Ack:
    return ack_of(TelescopeAcknowledgment(**columns))


def _place(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(columns[name] for name in _PLACE)
