"""Which consumer group reads what, of every stream that is set; and how far each has come."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from broker.config import config
from broker.errors import TransientError
from broker.kafka import gcn_connection, own_connection, source_connection, stream_connection
from broker.kafka_connection import Connection, Partition
from broker.kafka_positions import Position, positions
from broker.sections import telescope
from pipeline import topics
from pipeline.lasair import topics as lasair
from pipeline.selected import sources
from pipeline.telescope.record import data_pattern, telescopes

AT_ONCE = 8


@dataclass(frozen=True)
class Reading:
    """One consumer group of ours.

    Attributes
    ----------
    stream : str
        As in ``manage.py listen``.
    group : str
        Its id.
    connection : mapping
        How its broker is reached.
    topics : tuple of str
        Names, or patterns that begin with ``^``.
    start : str
        Where it began when it had no offsets.
    """

    stream: str
    group: str
    connection: Connection
    topics: tuple[str, ...]
    start: str = "earliest"


@dataclass(frozen=True)
class Told:
    """How far a reading was; ``error`` says why nobody knows."""

    stream: str
    group: str
    error: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[Partition, Position] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as a manifest keeps it."""
        at = [[*place, *position] for place, position in sorted(self.at.items())]
        plain = {"stream": self.stream, "group": self.group, "error": self.error}
        return {**plain, "ids": dict(self.ids), "at": at}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Told":
        """Return what a manifest kept."""
        at = {(topic, partition): Position(*rest) for topic, partition, *rest in said["at"]}
        return cls(said["stream"], said["group"], said["error"], said["ids"], at)


def readings() -> list[Reading]:
    """Return every group that the settings name, one for each topic of Lasair's."""
    return [*_ranges(), *_notices(), *_selected(), *_lasair(), *_telescope()]


def ask(wanted: Sequence[Reading]) -> list[Told]:
    """Ask how far each has read; a broker that is away is told, it stops no other."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_ask, wanted))


def _ask(reading: Reading) -> Told:
    try:
        ids, at = positions(reading.connection, reading.group, reading.topics)
    except TransientError as error:
        return Told(reading.stream, reading.group, str(error))
    return Told(reading.stream, reading.group, "", ids, at)


def _ranges() -> Iterator[Reading]:
    for stream in topics.STREAMS:
        source = config().streams.named(stream.name)
        group = f"{source.group_prefix}{stream.name}"
        connection = stream_connection(stream.name)
        yield Reading(stream.name, group, connection, (source.topic,), source.start)
    if telescopes():
        name = topics.TELESCOPE_DATA.name
        source = config().streams.named(name)
        group = f"{source.group_prefix}{name}"
        yield Reading(name, group, stream_connection(name), (data_pattern(),), source.start)


def _notices() -> Iterator[Reading]:
    gcn = config().gcn
    for stream in topics.NOTICE_STREAMS:
        names = tuple(gcn.topic_prefix + topic for topic in stream.topics)
        group = f"{gcn.group_id}-{stream.name}"
        yield Reading(stream.name, group, gcn_connection(), names, gcn.start)


def _selected() -> Iterator[Reading]:
    for name in sources.names():
        try:
            where = sources.settings_of(name)
        except KeyError:
            continue  # nobody said where it is, so nobody reads it
        connection = source_connection(where)
        yield Reading(name, sources.group_of(name), connection, (where.topic,), where.start)


def _lasair() -> Iterator[Reading]:
    settings = config()
    for topic in settings.lasair.topics:
        yield Reading(
            topics.LASAIR,
            settings.lasair.group(topic),
            lasair.connection(settings, topic),
            (topic.name,),
            settings.lasair.start,
        )


def _telescope() -> Iterator[Reading]:
    known = telescopes()
    if known:
        names = tuple(topic for one in known for topic in (one.acknowledgments, one.status))
        group = config().telescope.group_id
        yield Reading(telescope.STREAM, group, own_connection(), names)
