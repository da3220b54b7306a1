"""What goes through each topic, asked of Kafka: rates, amounts, the last message."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from broker.config import config
from broker.kafka import Cluster, own_connection
from broker.kafka_connection import Partition
from broker.kafka_tail import read_last
from broker.kafka_types import Packet
from broker.kept import Kept, Seen
from pipeline import topics

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS
RATE_MS = 5 * MINUTE_MS
KEEP_S = 4.0
PATIENCE_S = 3.0
WEIGHED = 20
"""Messages whose mean size stands for all."""
SIZE_KEEP_S = 600.0
SAMPLE_KEEP_S = 10.0


@dataclass(frozen=True)
class TopicFigures:
    """One topic at one moment.

    Attributes
    ----------
    kept : int
        Messages that can still be read.
    last_5_minutes, last_hour, last_day : int
        Messages that came in that time.
    week_mean : float
        Messages per day over the time that is kept, at most seven days.
    last_at_s : float or None
        When the newest came [s since 1970].
    newest : (partition, offset, low) or None
        Where it lies, and the oldest offset of its partition.
    """

    kept: int
    last_5_minutes: int
    last_hour: int
    last_day: int
    week_mean: float
    last_at_s: float | None
    newest: tuple[int, int, int] | None

    @property
    def per_minute(self) -> float:
        """Return the rate of the last five minutes [1/min]."""
        return self.last_5_minutes * MINUTE_MS / RATE_MS


Figures = Mapping[str, TopicFigures]


def figures() -> Seen[Figures] | None:
    """Return every topic's figures, at most a few seconds old while Kafka answers."""
    return _kept().get()


def newest_message(topic: str) -> Packet | None:
    """Return the newest message of a topic, at most some seconds old while Kafka answers.

    None where there is none, or Kafka is away or slow: no page waits for it longer than for a look.
    """
    seen = _newest_of(topic).get() if topic in _names() else None
    return seen.value if seen else None


def _read_newest(topic: str) -> Packet | None:
    seen = figures()
    known = seen.value.get(topic) if seen else None
    if known is None or known.newest is None:
        return None
    partition, offset, low = known.newest
    packets = read_last(topic, partition, offset, 1, low)
    return packets[-1] if packets else None


def mean_bytes(topic: str) -> float | None:
    """Return the mean size of a topic's newest messages [bytes]; None while nothing is known."""
    seen = _size_of(topic).get()
    return seen.value if seen else None


@cache
def _kept() -> Kept[Figures]:
    return Kept("topics", _look, keep_s=KEEP_S, patience_s=PATIENCE_S)


@cache
def _size_of(topic: str) -> Kept[float | None]:
    return Kept(f"size of {topic}", lambda: _weigh(topic), keep_s=SIZE_KEEP_S, patience_s=1.0)


@cache
def _newest_of(topic: str) -> Kept[Packet | None]:
    return Kept(
        f"newest of {topic}",
        lambda: _read_newest(topic),
        keep_s=SAMPLE_KEEP_S,
        patience_s=PATIENCE_S,
    )


@cache
def _cluster() -> Cluster:
    return Cluster(own_connection())


def _names() -> list[str]:
    return [each.name for each in (*topics.OUTPUTS, *topics.STEADY)]


def _look() -> Figures:
    names = _names()
    cluster = _cluster()
    partitions = cluster.partitions(names)
    now_ms = int(time.time() * 1000)
    week_ms = min(7, config().babamul.retention_days) * DAY_MS
    low, high = cluster.beginnings(partitions), cluster.ends(partitions)
    since = {
        back_ms: cluster.starting_at(partitions, now_ms - back_ms)
        for back_ms in (RATE_MS, HOUR_MS, DAY_MS, week_ms)
    }
    newest = cluster.newest(partitions)
    by_topic: dict[str, list[Partition]] = {name: [] for name in names}
    for partition in low.keys() & high.keys():
        by_topic[partition[0]].append(partition)

    def came(own: Iterable[Partition], back_ms: int) -> int:
        begins = ((p, since[back_ms].get(p)) for p in own)
        return sum(high[p] - first for p, first in begins if first is not None)

    found = {}
    for name, own in by_topic.items():
        dated = [(newest[p][1], p[1], newest[p][0], low[p]) for p in own if p in newest]
        last = max(dated) if dated else None
        found[name] = TopicFigures(
            kept=sum(high[p] - low[p] for p in own),
            last_5_minutes=came(own, RATE_MS),
            last_hour=came(own, HOUR_MS),
            last_day=came(own, DAY_MS),
            week_mean=came(own, week_ms) * DAY_MS / week_ms,
            last_at_s=last[0] / 1000 if last else None,
            newest=last[1:] if last else None,
        )
    return found


def _weigh(topic: str) -> float | None:
    seen = figures()
    known = seen.value.get(topic) if seen else None
    if known is None or known.newest is None:
        return None
    partition, offset, low = known.newest
    sizes = [len(packet.value) for packet in read_last(topic, partition, offset, WEIGHED, low)]
    return sum(sizes) / len(sizes) if sizes else None
