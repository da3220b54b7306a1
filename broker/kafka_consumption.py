"""How far the groups of people have read our public topics, asked in bulk."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from broker.errors import TransientError
from broker.kafka_cluster import Cluster, Watermarks
from broker.kafka_connection import Partition, answer, own_connection
from broker.kafka_rights import PUBLIC_PREFIX

LOOK_S = 10
_EMPTY = frozenset({ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD})


class Read(NamedTuple):
    """What a group has of a topic; sums over its partitions.

    Attributes
    ----------
    group, topic : str
        Names.
    offset : int
        Of next offsets.
    lag : int
        Messages that are kept and not read.
    fraction : float
        Share of the kept messages that were read, 0 to 1.
    """

    group: str
    topic: str
    offset: int
    lag: int
    fraction: float


def active_groups(prefix: str) -> tuple[int, list[str]]:
    """Return how many groups that begin so have a consumer now, and the names of all; one request.

    Raises
    ------
    TransientError
        If the broker is away.
    """
    listed = answer(_client().list_consumer_groups(request_timeout=LOOK_S))
    if listed.errors:  # of a broker that wakes up nothing more shall be asked: see broker.kafka_lag
        raise TransientError(f"Kafka: {listed.errors[0]}")
    ours = [each for each in listed.valid if each.group_id.startswith(prefix)]
    active = sum(each.state not in _EMPTY for each in ours)
    return active, sorted(each.group_id for each in ours)


def reads(names: list[str]) -> list[Read]:
    """Return what these groups have read of public topics, all asked side by side.

    Raises
    ------
    TransientError
        If the broker is away.
    """
    committed = _committed(names)
    places = {place for offsets in committed.values() for place in offsets}
    marks = _cluster().watermarks(places)
    return [
        read(name, topic, {at: offset for at, offset in offsets.items() if at[0] == topic}, marks)
        for name, offsets in committed.items()
        for topic in sorted({at[0] for at in offsets} & {at[0] for at in marks})
    ]


def read(
    group: str, topic: str, offsets: Mapping[Partition, int], marks: Mapping[Partition, Watermarks]
) -> Read:
    """Return what a group has of one topic; what expired unread counts neither way."""
    known = [
        (max(offset, marks[at].low), *marks[at]) for at, offset in offsets.items() if at in marks
    ]
    kept = sum(high - low for _, low, high in known)
    lag = sum(max(0, high - offset) for offset, _, high in known)
    fraction = 1 - lag / kept if kept else 1.0
    return Read(group, topic, sum(offsets.values()), lag, fraction)


def _committed(names: list[str]) -> dict[str, dict[Partition, int]]:
    """Return the offsets of each group on public topics; Kafka takes one group a request."""
    client = _client()
    futures = {
        name: client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(name)], request_timeout=LOOK_S
        )[name]
        for name in names
    }
    found: dict[str, dict[Partition, int]] = {}
    for name, future in futures.items():
        offsets: list[TopicPartition] = answer(future).topic_partitions
        found[name] = {
            (each.topic, each.partition): each.offset
            for each in offsets
            if each.offset >= 0 and each.topic.startswith(PUBLIC_PREFIX)
        }
    return found


@cache
def _client() -> AdminClient:
    """Return a connection that this process keeps."""
    return AdminClient(own_connection() | {"log_level": 1})


@cache
def _cluster() -> Cluster:
    return Cluster(own_connection())
