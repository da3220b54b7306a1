"""How far consumer groups have read, and putting them back while nobody of them reads.

Offsets are committed by a consumer that joins nothing: the right to read with the group is enough,
so it works at brokers of others too.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from broker.errors import TransientError
from broker.kafka_cluster import Cluster
from broker.kafka_connection import REQUEST_S, Connection, Partition, connected

LEAVES_WITHIN_S = 30.0
"""A listener that ended is a member of its group until its session is over."""
RETRY_S = 1.0
_HAS_MEMBERS = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.NON_EMPTY_GROUP,
    }
)


class Position(NamedTuple):
    """Of one partition: what a group reads next, and the ends of the log."""

    committed: int | None
    low: int
    high: int


class StillReadingError(Exception):
    """A group cannot be put back, for somebody reads with it."""


def positions(
    connection: Connection, group: str, topics: Sequence[str]
) -> tuple[dict[str, str], dict[Partition, Position]]:
    """Return the ids of the topics that are there, and how far a group has read each partition.

    Parameters
    ----------
    connection : mapping
        As ``stream_connection`` returns it.
    group : str
        Its id.
    topics : sequence of str
        Names, or regular expressions beginning with ``^``.

    Raises
    ------
    TransientError
        If the broker is away or refuses.
    """
    consumer = connected(Consumer, {**connection, "group.id": group, "enable.auto.commit": False})
    try:
        listed = consumer.list_topics(timeout=REQUEST_S).topics
        names = [name for name in listed if any(_is_named(name, each) for each in topics)]
        cluster = Cluster(connection)
        ends = cluster.watermarks(cluster.partitions(names)) if names else {}
        wanted = [TopicPartition(*partition) for partition in ends]
        answers = consumer.committed(wanted, REQUEST_S) if wanted else []
        ids = cluster.topic_ids(names) if names else {}
    except KafkaException as error:
        raise TransientError(f"Kafka: {error.args[0].str()}") from error
    finally:
        consumer.close()
    found = {}
    for answer in answers:
        if answer.error is not None:
            raise TransientError(f"Kafka: {answer.error.str()}")
        committed = answer.offset if answer.offset >= 0 else None
        place = (answer.topic, answer.partition)
        found[place] = Position(committed, *ends[place])
    return ids, found


def put_back(connection: Connection, group: str, offsets: Mapping[Partition, int]) -> None:
    """Commit offsets of a group that nobody reads with.

    Raises
    ------
    StillReadingError
        If somebody reads with it, and still does after a listener's session would be over.
    TransientError
        If the broker is away or refuses.
    """
    if not offsets:
        return
    wanted = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
    consumer = connected(Consumer, {**connection, "group.id": group, "enable.auto.commit": False})
    give_up_at = time.monotonic() + LEAVES_WITHIN_S
    try:
        while (refusal := _commit(consumer, wanted)) is not None:
            if time.monotonic() > give_up_at:
                raise StillReadingError(f"group {group} is being read with ({refusal})")
            time.sleep(RETRY_S)
    finally:
        consumer.close()


def _commit(consumer: Consumer, wanted: list[TopicPartition]) -> str | None:
    """Commit; return why members of the group do not let us."""
    try:
        answers = consumer.commit(offsets=wanted, asynchronous=False)
        errors = [answer.error for answer in answers or () if answer.error is not None]
    except KafkaException as error:
        errors = [error.args[0]]
    for refused in errors:
        if refused.code() not in _HAS_MEMBERS:
            raise TransientError(f"Kafka: {refused.str()}")
        return str(refused.str())
    return None


def _is_named(name: str, wanted: str) -> bool:
    return bool(re.match(wanted, name)) if wanted.startswith("^") else name == wanted
