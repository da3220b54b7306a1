"""How many messages of a topic a group has not read, asked of whatever broker has the topic."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from broker.errors import TransientError
from broker.kafka_connection import connected

LOOK_S = 8.0
"""Longest that all questions about one topic take together: nobody waits for a stranger longer."""
SPARE_S = 2.0
"""A look that was answered in time may take so long to be noted."""
LOOKS = 8
"""At once in one process; brokers that do not answer must not hold the others."""
AGAIN_S = 0.3
_QUIET = {"log_level": 1}
_WAKING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""What a broker says of a group while it looks for who keeps it: seen in its first seconds."""


@dataclass(frozen=True)
class Place:
    """A topic that a group of ours reads.

    Attributes
    ----------
    connection : mapping
        As ``source_connection`` returns it.
    group, topic : str
        Names.
    start : str
        Where the group begins that has no offsets yet: earliest or latest.
    """

    connection: Mapping[str, Any]
    group: str
    topic: str
    start: Literal["earliest", "latest"]


class Unread(NamedTuple):
    """Messages that are kept and not read."""

    total: int
    old: int
    """Those of them that have waited longer than was asked for."""


def unread(places: Mapping[str, Place], *, old_s: float) -> dict[str, Unread | TransientError]:
    """Return what waits at each place, all asked side by side; where nobody says, the reason.

    Parameters
    ----------
    places : mapping of str to Place
        By a name of the caller's.
    old_s : float
        Age from which a message counts as old [s].
    """
    before_ms = int((time.time() - old_s) * 1000)
    futures = {name: _lookers().submit(_unread, place, before_ms) for name, place in places.items()}
    give_up_at_s = time.monotonic() + LOOK_S + SPARE_S
    found: dict[str, Unread | TransientError] = {}
    for name, future in futures.items():
        try:
            found[name] = future.result(max(0.0, give_up_at_s - time.monotonic()))
        except TimeoutError:
            future.cancel()
            found[name] = TransientError(f"Kafka: no answer in {LOOK_S:.0f} s")
        except KafkaException as error:
            found[name] = TransientError(f"Kafka: {error.args[0].str()}")
        except TransientError as error:
            found[name] = error
    return found


def _unread(place: Place, before_ms: int) -> Unread:
    """Ask as a reader of the group that joins nothing: who may read may ask that."""
    settings = {**place.connection, **_QUIET, "group.id": place.group, "enable.auto.commit": False}
    consumer = connected(Consumer, settings)
    give_up_at_s = time.monotonic() + LOOK_S
    try:
        while True:
            try:
                return _of_partitions(consumer, place, before_ms, give_up_at_s)
            except KafkaException as error:
                is_late = time.monotonic() >= give_up_at_s
                if is_late or error.args[0].code() not in _WAKING:
                    raise
            time.sleep(AGAIN_S)
    finally:
        consumer.close()


def _of_partitions(consumer: Consumer, place: Place, before_ms: int, give_up_at_s: float) -> Unread:
    def left_s() -> float:
        return max(0.1, give_up_at_s - time.monotonic())

    known = consumer.list_topics(place.topic, timeout=left_s()).topics[place.topic]
    if known.error is not None:
        raise TransientError(f"topic {place.topic}: {known.error.str()}")
    partitions = [TopicPartition(place.topic, number, before_ms) for number in known.partitions]
    committed = _offsets(consumer.committed(partitions, timeout=left_s()))
    fresh = _offsets(consumer.offsets_for_times(partitions, timeout=left_s()))
    total = old = 0
    for number in known.partitions:
        marks = consumer.get_watermark_offsets(TopicPartition(place.topic, number), left_s())
        if marks is None:
            raise TransientError(f"{place.topic}, partition {number}: no answer in time")
        low, high = marks
        at = max(committed.get(number, low if place.start == "earliest" else high), low)
        total += max(0, high - at)
        old += max(0, fresh.get(number, high) - at)
    return Unread(total, old)


def _offsets(found: Sequence[TopicPartition]) -> dict[int, int]:
    """Return the offset of each partition that has one: below 0 are Kafka's words for none."""
    for each in found:
        if each.error is not None:
            raise TransientError(f"{each.topic}, partition {each.partition}: {each.error.str()}")
    return {each.partition: each.offset for each in found if each.offset >= 0}


@cache
def _lookers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKS, thread_name_prefix="unread")
