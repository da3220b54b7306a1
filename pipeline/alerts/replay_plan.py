"""What a replay of past nights would do, found out before anything is asked for."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.archive_index import ArchiveReader, segments_of_nights
from broker.errors import TransientError
from broker.kafka import Cluster, Watermarks
from broker.ranges.planning import Place
from broker.ranges.replays import ReplayError
from broker.ranges.tables import Source, StreamPartition
from broker.ranges.whereabouts import Stretch
from pipeline.alerts.replay_books import Books, read_books, read_rate
from pipeline.surveys.record import Survey

From = Literal["kafka", "archive", "auto"]
_ONE_DAY = timedelta(days=1)


class Kept(NamedTuple):
    """What the archive on this machine has of some nights of one partition."""

    first: int
    last: int
    packets: int
    size_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a replay would work, and what it cannot reach.

    Attributes
    ----------
    stretches : list of Stretch
        Offsets to be worked, by partition.
    books : Books
        What is known of them already.
    archived : dict
        Packets of the nights in the archive, by ``sources.id`` and partition.
    forgotten : int
        Packets of the nights that Kafka no longer has and the archive has.
    elsewhere : int
        Archive segments that lie on another machine; nothing in them was counted.
    unread : list of str
        Partitions that no listener has finished anything of.
    alerts_per_s : float or None
        Packets that one worker process has lately worked in a second.
    """

    stretches: list[Stretch]
    books: Books
    archived: Mapping[tuple[int, int], Kept]
    forgotten: int
    elsewhere: int
    unread: list[str] = field(default_factory=list)
    alerts_per_s: float | None = None

    @property
    def offsets(self) -> int:
        """Return how many offsets would be worked."""
        return sum(stretch.offsets for stretch in self.stretches)

    @property
    def size_bytes(self) -> int | None:
        """Return about how many bytes would be read, if anything is known of the packets."""
        packets = sum(kept.packets for kept in self.archived.values())
        size_bytes = sum(kept.size_bytes for kept in self.archived.values())
        mean = size_bytes / packets if packets else self.books.mean_bytes
        return None if mean is None else int(mean * (self.offsets - self.books.empty))

    @property
    def missing(self) -> int:
        """Return the offsets that no row accounts for."""
        return self.offsets - self.books.known

    def messages(self, publish: str) -> int:
        """Return how many messages of stored alerts would be sent; new ones may add theirs."""
        return {"none": 0, "new": self.books.unsent, "all": self.books.messages}[publish]


@dataclass(frozen=True)
class InKafka:
    """What Kafka said of a stream's topics, and of the offsets at which nights begin and end."""

    topic_ids: Mapping[str, str]
    ends: Mapping[Place, Watermarks]
    begins: Mapping[Place, int | None]
    stops: Mapping[Place, int | None]


def read_topics(session: Session, stream: str) -> set[str]:
    """Return the topics that a stream was ever read from.

    Raises
    ------
    ReplayError
        If there is none.
    """
    return {row.topic for row in _sources(session, stream).values()}


def ask_kafka(
    cluster: Cluster, topics: Collection[str], survey: Survey, nights: tuple[date, date]
) -> InKafka:
    """Ask what Kafka has of some nights; to be done outside of any transaction.

    Raises
    ------
    TransientError
        If Kafka does not answer.
    """
    begin_ms, end_ms = _bounds_ms(survey, nights)
    places = cluster.partitions(topics)
    return InKafka(
        cluster.topic_ids(topics),
        cluster.watermarks(places),
        cluster.starting_at(places, begin_ms),
        cluster.starting_at(places, end_ms),
    )


def make_plan(
    session: Session,
    in_kafka: InKafka,
    reader: ArchiveReader,
    stream: str,
    survey: Survey,
    nights: tuple[date, date],
    source: From,
) -> Plan:
    """Return what a replay of these nights would work; nothing is written.

    Parameters
    ----------
    session, reader
        What is asked.
    in_kafka : InKafka
        What Kafka has of these nights.
    stream, survey
        Whose packets, and whose nights.
    nights : tuple of two dates
        First and last, of the packets' Kafka timestamps, local noon to noon.
    source : str
        Where packets shall be read; ``auto`` is Kafka, and the archive for what Kafka forgot.

    Raises
    ------
    ReplayError
        If the stream was never read.
    """
    known = _sources(session, stream)
    archived, elsewhere = _archived(session, reader, survey, known, nights)
    cluster_view = _view(session, in_kafka, stream, list(known.values()))
    stretches: list[Stretch] = []
    forgotten = 0
    unread = []
    for key in sorted(archived.keys() | cluster_view.found.keys()):
        row, partition = known[key[0]], key[1]
        place = (row.topic, partition)
        view = cluster_view.of(row, partition)
        if view is not None and view.committed is None:
            unread.append(f"{row.topic}[{partition}]")
            continue
        pieces = list(_pieces(archived.get(key), cluster_view.found.get(key), view, source))
        stretches += [Stretch(place, row.id, *piece) for piece in pieces]
        if key in archived:
            forgotten += _forgotten(archived[key], view)
    return Plan(
        stretches,
        read_books(session, stretches),
        archived,
        forgotten,
        elsewhere,
        unread,
        read_rate(session, stream),
    )


@dataclass(frozen=True)
class _Live:
    """What Kafka holds of a partition now, and how far its listener has finished."""

    ends: Watermarks
    committed: int | None


@dataclass(frozen=True)
class _View:
    """What Kafka has of a stream."""

    topic_ids: Mapping[str, str]
    resets: Mapping[Place, int]
    live: Mapping[Place, _Live]
    found: Mapping[tuple[int, int], tuple[int, int]]
    """Source and partition → first and last offset of the nights."""

    def of(self, row: Source, partition: int) -> _Live | None:
        """Return the partition as it is now, or None where the source is another log."""
        place = (row.topic, partition)
        is_same = self.topic_ids.get(row.topic) == row.topic_id
        return self.live.get(place) if is_same and self.resets[place] == row.resets else None


def _sources(session: Session, stream: str) -> dict[int, Source]:
    rows = session.scalars(select(Source).where(Source.stream == stream)).all()
    if not rows:
        raise ReplayError(f"no packet of {stream} was ever read; is its listener running?")
    return {row.id: row for row in rows}


def _bounds_ms(survey: Survey, nights: tuple[date, date]) -> tuple[int, int]:
    """Return the nights' beginning and end [ms since 1970]; the end is exclusive."""
    noon = time(12, tzinfo=UTC)
    shift = timedelta(hours=survey.night_utc_offset_h)
    begin = datetime.combine(nights[0], noon) - shift
    end = datetime.combine(nights[1] + _ONE_DAY, noon) - shift
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)


def _archived(
    session: Session,
    reader: ArchiveReader,
    survey: Survey,
    known: Mapping[int, Source],
    nights: tuple[date, date],
) -> tuple[dict[tuple[int, int], Kept], int]:
    begin_ms, end_ms = _bounds_ms(survey, nights)
    offsets: defaultdict[tuple[int, int], list[np.ndarray]] = defaultdict(list)
    lengths: defaultdict[tuple[int, int], list[np.ndarray]] = defaultdict(list)
    elsewhere = 0
    for segment in segments_of_nights(session, survey.name, *nights):
        try:
            records = reader.records(segment)
        except TransientError:
            elsewhere += 1
            continue
        at = records["timestamp_ms"]
        records = records[(at >= begin_ms) & (at < end_ms)]
        for pair in np.unique(records[["source_id", "partition"]]).tolist():
            if pair[0] not in known:
                continue
            own = (records["source_id"] == pair[0]) & (records["partition"] == pair[1])
            offsets[pair].append(records["offset"][own])
            lengths[pair].append(records["length"][own])
    return {pair: _kept(offsets[pair], lengths[pair]) for pair in offsets}, elsewhere


def _kept(offsets: Sequence[np.ndarray], lengths: Sequence[np.ndarray]) -> Kept:
    found, first = np.unique(np.concatenate(offsets), return_index=True)
    size_bytes = int(np.concatenate(lengths)[first].sum())
    return Kept(int(found[0]), int(found[-1]), len(found), size_bytes)


def _view(session: Session, in_kafka: InKafka, stream: str, sources: Sequence[Source]) -> _View:
    topic_ids, ends = in_kafka.topic_ids, in_kafka.ends
    rows = session.scalars(select(StreamPartition).where(StreamPartition.stream == stream))
    read = {
        (row.topic, row.partition): row for row in rows if topic_ids.get(row.topic) == row.topic_id
    }
    live = {
        place: _Live(ends[place], read[place].committed_offset if place in read else None)
        for place in ends
    }
    newest = {
        topic: max((s.resets for s in sources if (s.topic, s.topic_id) == (topic, at)), default=0)
        for topic, at in topic_ids.items()
    }
    resets = {place: read[place].resets if place in read else newest[place[0]] for place in ends}
    view = _View(topic_ids, resets, live, {})
    found = {}
    for row in sources:
        for place in ends:
            if place[0] != row.topic or view.of(row, place[1]) is None:
                continue
            first, stop = in_kafka.begins.get(place), in_kafka.stops.get(place)
            last = (ends[place].high if stop is None else stop) - 1
            if first is not None and first <= last:
                found[row.id, place[1]] = (first, last)
    return _View(topic_ids, resets, live, found)


def _pieces(
    kept: Kept | None, found: tuple[int, int] | None, live: _Live | None, source: From
) -> Iterator[tuple[Literal["kafka", "archive"], int, int]]:
    """Yield where offsets of one partition are read, first and last.

    What Kafka finds by timestamp may end early, where one message bears a wrong time; the archive's
    offsets of the nights widen it. A replay never overtakes the listener.
    """
    ends = [(kept.first, kept.last)] if kept is not None else []
    ends += [found] if found is not None else []
    first, last = min(end[0] for end in ends), max(end[1] for end in ends)
    if live is not None and live.committed is not None:
        last = min(last, live.committed - 1)
    low = last + 1 if live is None else live.ends.low
    in_kafka = last if live is None else min(last, live.ends.high - 1)
    if source == "archive":
        if kept is not None and kept.first <= last:
            yield "archive", kept.first, min(kept.last, last)
        return
    if source == "auto" and kept is not None and kept.first < low:
        yield "archive", kept.first, min(kept.last, low - 1, last)
    if live is not None and max(first, low) <= in_kafka:
        yield "kafka", max(first, low), in_kafka


def _forgotten(kept: Kept, live: _Live | None) -> int:
    """Return about how many archived packets Kafka no longer has: exact where none is missing."""
    if live is None or live.ends.low > kept.last:
        return kept.packets
    return max(0, min(live.ends.low - kept.first, kept.packets))
