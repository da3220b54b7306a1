"""Do what a person's consumer does, once: log in on a public listener, read, ask for offsets.

A grant that the admin interface has confirmed may be invisible to a listener for a moment, so a
refusal is asked again until the limit.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from broker.kafka_login import LoginOutcome, await_login, public_consumer

log = structlog.get_logger(__name__)

STEP_S = 0.1
ANSWER_S = 5.0
PARTITION = 0
"""Of the probe's topic, which has one."""
_COORDINATOR_COMES = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""What a broker says in its first seconds: no reason to warn whoever tries again."""
_ABSENT = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)


class ProbeOutcome(StrEnum):
    """What became of a probe, in the words of a note."""

    READ = "read"
    SILENT = "no test message yet"
    REFUSED = "login refused"
    NO_TOPIC = "topic denied"
    NO_GROUP = "group denied"
    ABSENT = "no such topic"
    UNREACHABLE = "no answer"

    @property
    def is_ready(self) -> bool:
        """Whether the login, the topics and the groups all work."""
        return self in {ProbeOutcome.READ, ProbeOutcome.SILENT}


def probe_reader(
    principal: str, password: str, servers: str, *, topic: str, group: str, limit_s: float
) -> ProbeOutcome:
    """Log in, read the last record of ``topic``, fetch the committed offset of ``group``.

    The group is neither joined nor made.

    Parameters
    ----------
    principal, password : str
        The login.
    servers : str
        A public listener.
    topic : str
        With one partition; it may be empty.
    group : str
        One that the principal may use.
    limit_s : float
        How long a refusal is asked again [s].
    """
    deadline = time.monotonic() + limit_s
    outcome = _probe(principal, password, servers, topic, group, limit_s)
    while not outcome.is_ready and (left_s := deadline - time.monotonic() - STEP_S) > 0:
        time.sleep(STEP_S)
        again = _probe(principal, password, servers, topic, group, left_s)
        if again is not ProbeOutcome.UNREACHABLE:  # the time that was left may have been too short
            outcome = again
    return outcome


def _probe(
    principal: str, password: str, servers: str, topic: str, group: str, limit_s: float
) -> ProbeOutcome:
    refused = threading.Event()
    settings = {"group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = public_consumer(principal, password, servers, refused, settings)
    try:
        login = await_login(consumer, refused, limit_s)
        if login is LoginOutcome.REFUSED:
            return ProbeOutcome.REFUSED
        if login is LoginOutcome.UNREACHABLE:
            log.warning(
                "probe.unanswered", error="no answer to the login", waited_s=round(limit_s, 1)
            )
            return ProbeOutcome.UNREACHABLE
        return _use(consumer, TopicPartition(topic, PARTITION))
    finally:
        consumer.close()


def _use(consumer: Consumer, place: TopicPartition) -> ProbeOutcome:
    """Return READ or SILENT if both the topic and the group answer, else what was refused."""
    read = _told(lambda: _read_last(consumer, place))
    if not read.is_ready:
        return read
    committed = _told(lambda: _committed(consumer, place))
    return read if committed.is_ready else committed


def _read_last(consumer: Consumer, place: TopicPartition) -> ProbeOutcome:
    low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
    if high <= low:
        return ProbeOutcome.SILENT
    consumer.assign([TopicPartition(place.topic, place.partition, high - 1)])
    message = consumer.poll(ANSWER_S)
    if message is None:
        log.warning(
            "probe.unanswered", error=f"no message within {ANSWER_S:.0f} s", offset=high - 1
        )
        return ProbeOutcome.UNREACHABLE
    error = message.error()
    if error is None:
        return ProbeOutcome.READ
    if error.code() == KafkaError._PARTITION_EOF:
        return ProbeOutcome.SILENT  # it expired under our eyes
    raise KafkaException(error)


def _committed(consumer: Consumer, place: TopicPartition) -> ProbeOutcome:
    (answer,) = consumer.committed([place], timeout=ANSWER_S)
    if answer.error is not None:
        raise KafkaException(answer.error)
    return ProbeOutcome.SILENT


def _told(step: Callable[[], ProbeOutcome]) -> ProbeOutcome:
    try:
        return step()
    except KafkaException as error:
        cause: Any = error.args[0]
    if cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return ProbeOutcome.NO_TOPIC
    if cause.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return ProbeOutcome.NO_GROUP
    if cause.code() in _ABSENT:
        return ProbeOutcome.ABSENT  # whether it may be read is not known then
    tell = log.info if cause.code() in _COORDINATOR_COMES else log.warning
    tell("probe.unanswered", error=cause.str(), code=cause.name())
    return ProbeOutcome.UNREACHABLE
