"""Find out where the packet of a dead letter can still be read: in Kafka or in the archive."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.archive_index import (
    ArchiveReader,
    Segment,
    segments_named,
    segments_open_between,
)
from broker.config import config, project_path
from broker.db import transaction
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka import Cluster, Watermarks, stream_connection
from broker.ranges.planning import Place
from broker.ranges.sources import known_resets, known_source
from broker.ranges.tables import Source
from broker.sections.streams import StreamsSettings

ATTEMPTS_TAKE = timedelta(days=1)
"""A packet whose worker died was archived at most so long before it was buried."""

BY_HAND = "a notice is read again by manage.py notice --letter"

ReadFrom = Literal["kafka", "archive"]


@dataclass(frozen=True)
class Stretch:
    """Offsets of one partition that a replay shall work; ``first`` and ``last`` are inclusive.

    Attributes
    ----------
    place : tuple
        Topic and partition.
    source_id : int
        ``sources.id`` that the packets stand under.
    read_from : str
        Whether Kafka or the archive still has them.
    letter_id, segment_id : int, optional
        The dead letter that is tried again, and the archive segment that holds its packet.
    """

    place: Place
    source_id: int
    read_from: ReadFrom
    first: int
    last: int
    letter_id: int | None = None
    segment_id: int | None = None

    @property
    def offsets(self) -> int:
        """Return how many offsets these are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Broker:
    """What a stream's Kafka holds now of some topics."""

    topic_ids: Mapping[str, str]
    watermarks: Mapping[Place, Watermarks]


def ask_brokers(ids: Sequence[int]) -> dict[str, Broker]:
    """Return what each stream's Kafka holds of the topics of dead letters.

    Streams that are not read in ranges are left out: ``locate`` refuses their letters.

    Asked before the transaction that takes the letters: nothing waits for Kafka inside one.

    Raises
    ------
    TransientError
        If Kafka does not answer.
    """
    wanted = select(DeadLetter.stream, DeadLetter.topic, DeadLetter.source_partition).distinct()
    places: defaultdict[str, set[Place]] = defaultdict(set)
    with transaction() as session:
        for stream, topic, partition in session.execute(wanted.where(DeadLetter.id.in_(ids))):
            places[stream].add((topic, partition))
    in_ranges = StreamsSettings.model_fields
    return {name: _ask_broker(name, found) for name, found in places.items() if name in in_ranges}


def _ask_broker(stream: str, places: Collection[Place]) -> Broker:
    cluster = Cluster(stream_connection(stream))
    topic_ids = cluster.topic_ids({topic for topic, _ in places})
    known = [place for place in sorted(places) if place[0] in topic_ids]
    return Broker(topic_ids, cluster.watermarks(known))


def locate(
    session: Session, letters: Sequence[DeadLetter], brokers: Mapping[str, Broker]
) -> dict[int, Stretch | str]:
    """Return where each letter's packet is, or why it is nowhere, by the letter's id.

    A packet that may lie on another machine is nowhere: the others need not wait for it.
    """
    known = _Known(session)
    found: dict[int, Stretch | str] = {}
    for letter in letters:
        if letter.stream not in brokers:
            found[letter.id] = f"{letter.stream} is read message by message: {BY_HAND}"
            continue
        try:
            found[letter.id] = _locate(known, brokers[letter.stream], letter)
        except TransientError as error:
            found[letter.id] = str(error)
    return found


class _Known:
    """What letters of one wish have in common: read once, not once for each letter."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.reader = ArchiveReader(project_path(config().archive.path))
        self._topic_ids: dict[int, str | None] = {}
        self._segments: dict[datetime, list[Segment]] = {}

    def living_topic_id(self, source: Source) -> str | None:
        """See the function of this name."""
        if source.id not in self._topic_ids:
            self._topic_ids[source.id] = living_topic_id(self.session, source)
        return self._topic_ids[source.id]

    def segments_before(self, seen: datetime) -> list[Segment]:
        """Return the segments that a worker may have written to that died before ``seen``."""
        hour = seen.replace(minute=0, second=0, microsecond=0)
        if hour not in self._segments:
            end = hour + timedelta(hours=1)
            self._segments[hour] = segments_open_between(self.session, hour - ATTEMPTS_TAKE, end)
        return self._segments[hour]


def _locate(known: _Known, broker: Broker, letter: DeadLetter) -> Stretch | str:
    place = (letter.topic, letter.source_partition)
    first, last = letter.source_offset, letter.last_offset
    topic_id = broker.topic_ids.get(letter.topic)
    source = _source(known.session, letter, topic_id)
    if source is None:
        return f"topic {letter.topic} is not in Kafka and was never read"
    stretch = partial(Stretch, place, source.id, first=first, last=last, letter_id=letter.id)
    is_todays = topic_id is not None and known.living_topic_id(source) == topic_id
    ends = broker.watermarks.get(place) if is_todays else None
    if ends is not None and ends.low <= first and last < ends.high:
        return stretch("kafka")
    segment_id = _find_segment(known, letter, source.id)
    if segment_id is not None:
        return stretch("archive", segment_id=segment_id)
    named = f"offset {first}" if first == last else f"offsets {first} to {last}"
    if ends is not None:
        why = f"Kafka's oldest offset there is {ends.low}"
    elif topic_id is not None and not is_todays:
        why = "the topic was made anew, or its log became shorter"
    else:
        why = "Kafka no longer has that partition"
    return f"{named} of {place[0]}[{place[1]}]: {why}, and the archive does not have it"


def _source(session: Session, letter: DeadLetter, topic_id: str | None) -> Source | None:
    """Return where a letter came from; one buried before anybody knew came from today's topic."""
    if letter.source_id is not None:
        return session.get(Source, letter.source_id)
    if topic_id is not None:
        return session.get(Source, known_source(session, letter.stream, letter.topic, topic_id))
    newest = select(Source).where(Source.stream == letter.stream, Source.topic == letter.topic)
    return session.scalars(newest.order_by(Source.id.desc()).limit(1)).one_or_none()


def living_topic_id(session: Session, source: Source) -> str | None:
    """Return under which topic id a source's offsets still name its packets.

    None where the log became shorter since: other packets stand under these offsets now.
    """
    resets = known_resets(session, source.stream, source.topic, source.topic_id)
    return source.topic_id if source.resets == resets else None


def _find_segment(known: _Known, letter: DeadLetter, source_id: int) -> int | None:
    """Return the segment that holds a letter's packet whole.

    What was buried after it was archived names its segment. A packet that killed its worker may
    have been archived before, in a segment that was open then.

    Raises
    ------
    TransientError
        If it is in none that is here, and one is on another machine.
    """
    away: TransientError | None = None
    if letter.archive_segment_id is not None:
        segments = segments_named(known.session, [letter.archive_segment_id])
    else:
        segments = known.segments_before(letter.first_seen_at)
    place = (source_id, letter.source_partition, letter.source_offset, letter.last_offset)
    for segment in segments:
        try:
            if known.reader.read([segment], *place).packets:
                return segment.id
        except TransientError as error:
            away = error
    if away is not None:
        raise away
    return None
