"""What the run left behind, gathered for the books: rows, archive, offsets, messages."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from broker.config import config, project_path
from broker.kafka_connection import own_connection
from pipeline import topics
from tests.bench import books, contents, history, templates, variants
from tests.bench.books import Account, Row, Seen
from tests.bench.contents import Witness
from tests.bench.expected import Beside, Expected
from tests.bench.packets import Spool
from tests.bench.servers import INPUT, PARTITIONS, BenchError, System

if TYPE_CHECKING:
    from tests.bench.run import Prepared

ANSWER_S = 30.0
AT_ONCE = 500
CONSUME_S = 0.2
"""A call for many messages waits so long for the last of them."""

_ROWS = """
SELECT a.candid, a.gate_reason, a.alert_class, a.output_topic, a.outputs, a.pending,
       a.published_at IS NOT NULL, s.path, a.archive_start, a.archive_length, a.archive_crc32
FROM alerts AS a
JOIN sources AS o ON o.id = a.source_id AND o.topic = ANY(%s)
JOIN archive_segments AS s ON s.id = a.archive_segment_id
ORDER BY a.archive_segment_id, a.archive_start
"""
_COUNTS = """
SELECT (SELECT count(*) FROM alert_duplicates), (SELECT count(*) FROM dead_letters),
       (SELECT count(*) FROM stream_gaps),
       (SELECT count(*) FROM stream_ranges WHERE state <> 'done')
"""


class Messages:
    """Every message on the output topics; the bytes of a chosen few are kept.

    Attributes
    ----------
    seen : list of Seen
        All of them.
    kept : dict
        Bytes by alert, of its class topic.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.kept: dict[int, bytes] = {}

    def read(self, chosen: frozenset[int], names: Iterable[str] = ()) -> None:
        """Read the topics from their beginning to their end."""
        wanted = list(names) or [output.name for output in topics.OUTPUTS]
        for message in _all(wanted):
            headers = dict(message.headers() or ())
            candid = int(headers["candid"])
            self.seen.append(
                Seen(
                    message.topic(), candid, headers["delivery_id"].decode(), message.timestamp()[1]
                )
            )
            if candid in chosen and message.topic() != topics.NONE_TOPIC:
                self.kept[candid] = message.value()


def read_rows(system: System) -> list[Row]:
    """Return the rows of this run's packets."""
    found = system.sql(_ROWS, list(INPUT.values()))
    return [Row(*row[:7], tuple(row[7:])) for row in found]


def read_account(system: System) -> Account:
    """Return the totals, and how far Kafka says that the listeners are."""
    committed: dict[tuple[str, int], int] = {}
    ends: dict[tuple[str, int], int] = {}
    for survey, topic in INPUT.items():
        group = f"{config().streams.named(survey).group_prefix}{survey}"
        consumer = Consumer({**own_connection("admin"), "group.id": group})
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            for place in consumer.committed(places, ANSWER_S):
                committed[topic, place.partition] = max(place.offset, 0)
            for place in places:
                _, ends[topic, place.partition] = consumer.get_watermark_offsets(place, ANSWER_S)
        finally:
            consumer.close()
    return Account(*system.sql(_COUNTS)[0], committed, ends)


def problems(
    system: System,
    sent: Mapping[str, Sequence[int]],
    loaded: "Prepared",
    messages: Messages,
    one_in: int,
) -> list[str]:
    """Return everything that is wrong with the run's books.

    Parameters
    ----------
    sent : mapping
        Numbers in the spool of the packets that were sent, by survey.
    loaded : Prepared
        Sky and spools.
    messages : Messages
        Not read yet.
    one_in : int
        One alert in so many is compared to the byte, and its message to the last field.
    """
    spools = loaded.spools
    place = {spools[name].expected[at].candid: (name, at) for name in sent for at in sent[name]}
    expected = [spools[name].expected[at] for name, at in place.values()]
    stored = read_rows(system)
    chosen = sorted(one.candid for one in expected if one.topics)[::one_in]
    messages.read(frozenset(chosen))
    files = ArchiveFiles(project_path(config().archive.path))
    return [
        *books.accounts(read_account(system), len(expected)),
        *books.rows(expected, stored),
        *books.marks(stored),
        *books.marked_as_acknowledged(expected, stored),
        *books.consumed(expected, messages.seen),
        *books.archive(stored, files.read, lambda candid: _packet(spools, *place[candid]), one_in),
        *_content_problems(chosen, place, loaded, messages),
    ]


class ArchiveFiles:
    """Slices of the archive's files, read without our reader."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open = lru_cache(maxsize=8)(self._opened)

    def read(self, path: str, start: int, length: int) -> bytes:
        file = self._open(path)
        file.seek(start)
        return bytes(file.read(length))

    def _opened(self, path: str) -> Any:
        return (self._root / path).open("rb")


def _content_problems(
    chosen: Sequence[int],
    place: Mapping[int, tuple[str, int]],
    loaded: "Prepared",
    messages: Messages,
) -> list[str]:
    found: list[str] = []
    siblings: dict[tuple[str, int], list[int]] = defaultdict(list)
    for survey, at in place.values():
        siblings[survey, int(loaded.sky.object_of[survey][at])].append(at)
    for candid in chosen:
        survey, at = place[candid]
        if candid not in messages.kept:
            found.append(f"{candid}: no message on its class topic")
            continue
        number = int(loaded.sky.object_of[survey][at])
        others = [one for one in siblings[survey, number] if one != at]
        witness = witness_of(survey, at, others, loaded)
        found += contents.differences(messages.kept[candid], witness)
    return found


def witness_of(survey: str, at: int, others: Sequence[int], loaded: "Prepared") -> Witness:
    """Return what is known of one alert apart from the system's own word."""
    sky, near, spool = loaded.sky, loaded.near[survey], loaded.spools[survey]
    number = int(sky.object_of[survey][at])
    places = sky.objects[survey]
    position = float(places.ra_deg[number]), float(places.dec_deg[number])
    return Witness(
        survey,
        variants.object_name(survey, number),
        templates.read(survey, next(spool.values(at, at + 1))),
        Beside(
            spool.expected[at].match,
            bool(near.is_archival[at]),
            bool(near.is_inside[at]),
            near.point_sources[at],
        ),
        history.points(survey, number, position, loaded.history_points),
        [templates.read(survey, next(spool.values(one, one + 1))) for one in others],
    )


def input_times(system: System, candids: Sequence[int]) -> dict[int, int]:
    """Return when Kafka took in each packet [ms since 1970]."""
    rows = system.sql(
        "SELECT candid, round(extract(epoch FROM kafka_timestamp) * 1000)::bigint FROM alerts"
        " WHERE candid = ANY(%s)",
        list(candids),
    )
    return dict(rows)


def published(expected: Sequence[Expected], first: int, last: int) -> list[int]:
    """Return the alerts of [first, last) that must be published."""
    return [one.candid for one in expected[first:last] if one.topics]


def first_message() -> Any:
    """Return any message of a class topic."""
    names = [output.name for output in topics.OUTPUTS if output.name != topics.NONE_TOPIC]
    return next(_all(names))


def _packet(spools: Mapping[str, Spool], survey: str, at: int) -> bytes:
    return next(spools[survey].values(at, at + 1))


def _all(names: Sequence[str]) -> Iterator[Any]:
    consumer = Consumer(
        {
            **own_connection("admin"),
            "group.id": "nightjar-bench-books",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        known = consumer.list_topics(timeout=ANSWER_S).topics
        left = {(name, number) for name in names for number in known[name].partitions}
        consumer.assign([TopicPartition(name, number, 0) for name, number in left])
        moved_at = time.monotonic()
        while left:
            found = consumer.consume(AT_ONCE, CONSUME_S)
            if found:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > ANSWER_S:
                raise BenchError(f"nothing to read for {ANSWER_S:.0f} s from {sorted(left)}")
            for message in found:
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic(), message.partition()))
                else:
                    raise BenchError(message.error().str())
    finally:
        consumer.close()
