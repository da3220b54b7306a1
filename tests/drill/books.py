"""What must hold after a case: every packet accounted for, every decision on its topic, once."""

import mmap
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from broker.config import config
from broker.kafka import own_connection
from pipeline import topics
from pipeline.filters import FILTERS
from tests.drill import caught
from tests.drill.load import Coordinate, Sent
from tests.e2e import published as publishing
from tests.e2e.published import OUTPUTS, Published
from tests.e2e.system import System

ANSWER_S = 10.0
BITS = ((1, None), (2, topics.NONE_TOPIC))
"""Bit of ``alerts.outputs`` and its topic; None: the class topic. A filter's topic is a system's
own: ``System.selected_topic``."""

_LIVING = """
    SELECT s.topic, a.source_partition, a.source_offset, a.candid, FALSE, a.archive_crc32,
        extract(epoch FROM coalesce(a.published_at, a.created_at))::float8
    FROM alerts AS a JOIN sources AS s ON s.id = a.source_id
    UNION ALL
    SELECT s.topic, d.source_partition, d.source_offset, a.candid, TRUE, NULL,
        extract(epoch FROM d.created_at)::float8
    FROM alert_duplicates AS d JOIN sources AS s ON s.id = d.source_id
        JOIN alerts AS a ON a.id = d.alert_id
"""
_LETTERS = """
    SELECT topic, source_partition, at, reason, state, extract(epoch FROM first_seen_at)::float8
    FROM dead_letters, generate_series(source_offset, last_offset) AS at
"""
_UNHARMED = """
    SELECT a.survey, a.candid::text FROM alerts AS a JOIN sources AS s ON s.id = a.source_id
    WHERE NOT EXISTS (
        SELECT 1 FROM stream_ranges AS r WHERE r.topic = s.topic
            AND r.partition = a.source_partition AND r.error IS NOT NULL
            AND a.source_offset BETWEEN r.first_offset AND r.last_offset
    )
"""
_SLICES = """
    SELECT g.path, a.archive_start, a.archive_length, a.archive_crc32
    FROM alerts AS a LEFT JOIN archive_segments AS g ON g.id = a.archive_segment_id
"""
_OBJECTS = """
    SELECT array_agg(a.candid), o.alert_count, count(*), count(DISTINCT a.jd_utc) FILTER (
            WHERE (a.survey <> 'ztf' OR a.programid = 1)
                AND a.band IS NOT NULL AND a.magpsf_abmag IS NOT NULL),
        coalesce(max(c.n), 0), min(a.jd_utc) = min(o.first_jd_utc),
        max(a.jd_utc) = max(o.last_jd_utc)
    FROM objects AS o JOIN alerts AS a ON a.object_id = o.id
        LEFT JOIN light_curves AS c ON c.object_id = o.id AND c.series = 0
    GROUP BY o.id
"""
"""What cannot be written twice without harm: an object's counts and times, its detections."""
_DECIDED = "SELECT survey, candid::text, output_topic, outputs FROM alerts"
_OPEN = """
    SELECT (SELECT count(*) FROM alerts WHERE pending <> 0),
        (SELECT count(*) FROM stream_ranges WHERE state <> 'done')
"""

Sending = tuple[str, str, str]
"""Survey, candid and topic of a message."""


class Living(NamedTuple):
    """A packet that became an alert, or one more copy of an alert."""

    candid: int
    is_duplicate: bool
    crc32: int | None
    done_at_s: float


class Letter(NamedTuple):
    """A packet that was buried."""

    reason: str
    state: str
    at_s: float


class Seen(NamedTuple):
    """An object as it was counted while its alerts came."""

    candids: list[int]
    alert_count: int
    alerts: int
    times: int
    points: int
    is_first_right: bool
    is_last_right: bool


@dataclass(frozen=True)
class Accounts:
    """What became of every offset that Postgres knows of."""

    living: Mapping[Coordinate, Living]
    letters: Mapping[Coordinate, Letter]
    twice: frozenset[Coordinate]
    """Offsets that are both an alert and a duplicate."""

    def missing(self, sent: Iterable[Coordinate]) -> set[Coordinate]:
        """Return which offsets are not accounted for."""
        return set(sent) - self.living.keys() - self.letters.keys()

    def done_at_s(self, at: Coordinate) -> float:
        """Return when an offset was finished (Unix time)."""
        found = self.living.get(at)
        return found.done_at_s if found else self.letters[at].at_s


@dataclass
class Books:
    """The books of one stage, over all of its cases.

    Attributes
    ----------
    system : System
        Whose database and topics.
    topics : mapping
        Input topic of each stream.
    owns : callable
        Whether a candid may be of an alert of ours: the output topics are shared.
    filter_topic : str
        Of a user's filter of our own.
    """

    system: System
    topics: Mapping[str, str]
    owns: Callable[[int], bool]
    filter_topic: str
    _came: dict[Coordinate, Published] = field(default_factory=dict)
    _read_up_to: dict[tuple[str, int], int] = field(default_factory=dict)
    _every: tuple[str, ...] = ()
    _bits: tuple[tuple[int, str | None], ...] = ()

    def __post_init__(self) -> None:
        self._every = (*OUTPUTS, self.system.selected_topic, self.filter_topic)
        self._bits = (*BITS, *((one.bit, self.system.selected_topic) for one in FILTERS))
        self._read_up_to = publishing.ends(self._every)

    def accounts(self) -> Accounts:
        """Read what became of every offset."""
        living: dict[Coordinate, Living] = {}
        twice: set[Coordinate] = set()
        for topic, partition, offset, *rest in self.system.sql(_LIVING):
            at = (topic, partition, offset)
            if at in living:
                twice.add(at)
            living[at] = Living(*rest)
        letters = {
            (topic, partition, offset): Letter(*rest)
            for topic, partition, offset, *rest in self.system.sql(_LETTERS)
        }
        return Accounts(living, letters, frozenset(twice))

    def is_settled(self, sent: Iterable[Coordinate]) -> bool:
        """Return whether all is accounted for, published and committed, and nothing is in work."""
        if self.system.sql(_OPEN) != [(0, 0)]:
            return False
        return not self.accounts().missing(sent) and not self.uncommitted()

    def open(self) -> str:
        """Return what is not finished, in words."""
        ranges = self.system.sql(
            "SELECT state, count(*), max(attempts), max(releases), max(error) FROM stream_ranges"
            " GROUP BY 1"
        )
        return f"(pending alerts, open ranges) {self.system.sql(_OPEN)}; ranges {ranges}"

    def uncommitted(self) -> list[str]:
        """Return the partitions whose committed offset is not the end of the log."""
        found = []
        for stream, topic in self.topics.items():
            prefix = config().streams.named(stream).group_prefix
            consumer = Consumer({**own_connection("admin"), "group.id": f"{prefix}{stream}"})
            try:
                numbers = consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
                places = [TopicPartition(topic, number) for number in numbers]
                for place in consumer.committed(places, ANSWER_S):
                    _, high = consumer.get_watermark_offsets(place, ANSWER_S)
                    if max(place.offset, 0) != high:
                        found.append(f"{topic}[{place.partition}] {place.offset} of {high}")
            finally:
                consumer.close()
        return found

    def published(self) -> list[Published]:
        """Return every message of ours that came on the output topics since the stage began."""
        ends = publishing.ends(self._every)
        for message in publishing.consume(self._every, self._read_up_to):
            self._came[message.topic, message.partition, message.offset] = message
        self._read_up_to = ends
        ours = {candid for _, candid, _ in self.decided()}  # spoiled packets change their candid
        return [
            message
            for message in self._came.values()
            if sending(message)[1] in ours or self.owns(int(sending(message)[1]))
        ]

    def decided(self) -> Counter[Sending]:
        """Return the messages that the stored decisions ask for, and a user's filter."""
        asked = Counter(
            (survey, candid, topic or class_topic)
            for survey, candid, class_topic, outputs in self.system.sql(_DECIDED)
            for bit, topic in self._bits
            if outputs & bit
        )
        asked.update((*row, self.filter_topic) for row in self.system.sql(caught.MATCHES))
        return asked

    def objects(self) -> list[Seen]:
        """Return every object that has alerts."""
        return [Seen(*row) for row in self.system.sql(_OBJECTS)]

    def unharmed(self) -> set[Sending]:
        """Return the messages of alerts whose range no worker gave back or was lost over."""
        return {
            (survey, candid, topic)
            for survey, candid in self.system.sql(_UNHARMED)
            for topic in self._every
        }

    def wrong_slices(self) -> int:
        """Return how many alerts the archive does not hold as they came."""
        wrong = 0
        slices: defaultdict[str | None, list[tuple[int, int, int]]] = defaultdict(list)
        for path, start, length, crc in self.system.sql(_SLICES):
            slices[path].append((start, length, crc))
        root = Path(self.system.environment["NIGHTJAR_ARCHIVE__PATH"])
        roots = [root, *root.parent.glob(f"{root.name}-*")]  # of other hosts
        for path, pieces in slices.items():
            files = [] if path is None else [at / path for at in roots if (at / path).exists()]
            wrong += _wrong_in(files[0], pieces) if files else len(pieces)
        return wrong


def _wrong_in(file: Path, pieces: Iterable[tuple[int, int, int]]) -> int:
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as stored,
    ):
        return sum(
            zlib.crc32(stored[start : start + length]) != crc for start, length, crc in pieces
        )


def mistakes(
    accounts: Accounts, sent: Mapping[Coordinate, Sent], may_be: Iterable[str] = ()
) -> list[str]:
    """Return what is wrong with the accounts of these packets, in words; nothing when all is right.

    Every packet that Kafka took is exactly one alert, one duplicate or one dead letter, the one
    that it must be, and nothing else is there. A good packet may have been buried for the reasons
    in ``may_be`` alone.
    """
    found = [f"{len(accounts.twice)} offsets are alert and duplicate"] if accounts.twice else []
    known = accounts.living.keys() | accounts.letters.keys()
    if foreign := known - sent.keys():
        found.append(f"{len(foreign)} offsets that nobody sent: {sorted(foreign)[:3]}")
    stored = Counter(x.candid for x in accounts.living.values() if not x.is_duplicate)
    if again := [candid for candid, times in stored.items() if times > 1]:
        found.append(f"alerts stored twice: {again[:3]}")
    pardoned = {at for at, letter in accounts.letters.items() if letter.reason in set(may_be)}
    wrong = [
        at
        for at, packet in sent.items()
        if at not in pardoned and not _is_right(accounts, at, packet)
    ]
    if wrong:
        said = [(at, sent[at], accounts.living.get(at), accounts.letters.get(at)) for at in wrong]
        found.append(f"{len(wrong)} packets became something else: {said[:3]}")
    return found


def _is_right(accounts: Accounts, at: Coordinate, packet: Sent) -> bool:
    living, letter = accounts.living.get(at), accounts.letters.get(at)
    if living is None and letter is None:
        return True  # lost, and counted as such
    if packet.candid is None or packet.reason:
        return letter is not None and packet.reason in {"", letter.reason}
    if living is None or living.candid != packet.candid:
        return False
    return living.crc32 in {None, packet.crc32} and (letter is None or letter.state == "resolved")


def effect_mistakes(
    objects: Iterable[Seen], sent: Mapping[Coordinate, Sent], *, are_all_stored: bool
) -> list[str]:
    """Return what was counted twice or not at all on objects whose packets were all good.

    Each good packet brings one detection; one that a flipped bit made private, or left without band
    or magnitude, brings none. Where packets were buried, their points may have been
    merged before: a light curve then has at least the points of the alerts.
    """
    good = {packet.candid for packet in sent.values()}
    found = []
    for one in objects:
        if one.alert_count != one.alerts or not (one.is_first_right and one.is_last_right):
            found.append(f"an object's counts or times are wrong: {one}")
        elif not good.issuperset(one.candids):
            continue
        elif one.points < one.times or (are_all_stored and one.points != one.times):
            found.append(f"a light curve has not one detection for each alert: {one}")
    return [f"{len(found)} objects: {found[0]}"] if found else []


def sending(message: Published) -> Sending:
    """Return which message of which alert this is; headers of selected alerts name neither."""
    if "candid" not in message.headers:
        return "lsst", str(message.alert["diaSourceId"]), message.topic
    return message.headers["survey"], message.headers["candid"], message.topic


def delivery_mistakes(published: Iterable[Published], decided: Counter[Sending]) -> list[str]:
    """Return what is wrong with the messages: each decided one came, copies carry one id."""
    ids: defaultdict[Sending, set[str]] = defaultdict(set)
    for message in published:
        ids[sending(message)].add(message.headers["delivery_id"])
    found = []
    if absent := decided.keys() - ids.keys():
        found.append(f"{len(absent)} messages never came: {sorted(absent)[:3]}")
    if foreign := ids.keys() - decided.keys():
        found.append(f"{len(foreign)} messages that nobody decided: {sorted(foreign)[:3]}")
    if several := [message for message, known in ids.items() if len(known) > 1]:
        found.append(f"copies with different delivery ids: {several[:3]}")
    if len({one for known in ids.values() for one in known}) < len(ids):
        found.append("different messages share a delivery id")
    return found


def unexplained(published: Iterable[Published], books: Books) -> list[str]:
    """Return which repeated messages belong to no range that a worker was lost over.

    A row keeps the error of its last failed attempt; ranges cut into single packets keep it each.
    """
    times = Counter(sending(message) for message in published)
    repeated = {message for message, count in times.items() if count > 1}
    if innocent := repeated & books.unharmed():
        return [f"{len(innocent)} messages repeated without a cause: {sorted(innocent)[:3]}"]
    return []
