"""Topics of users' filters: made, looked after and deleted as their rows say.

Safe to repeat and beside a second copy of itself: Kafka is asked outside any transaction, and a row
moves only from the state that was read.
"""

from collections.abc import Callable

from accounts.filter_models import UserFilter
from broker import kafka_topics
from broker.config import config
from broker.errors import TransientError
from broker.filter_book import TOPIC_PREFIX
from broker.kafka_topics import TopicSpec
from broker.logs import log
from broker.topic_settings import (
    DAY_MS,
    FILTER_PARTITIONS,
    FILTER_RETENTION_BYTES,
    FILTER_RETENTION_DAYS,
    topic_config,
)

AT_ONCE = 50
LONGEST_ERROR = 500
HAS_TOPIC = ("there", "wanted")


def settle() -> None:
    """Make the topics that are wanted and delete those that are not, a bounded number of each."""
    _each("wanted", "there", make)
    _each("removing", "gone", remove)


def look_after() -> int:
    """Want anew the topics that are gone from Kafka though they should be there; return how many.

    Raises
    ------
    TransientError
        If Kafka does not answer.
    """
    existing = kafka_topics.topic_names()
    kept = UserFilter.objects.filter(topic_state="there")
    lost = [row.pk for row in kept if TOPIC_PREFIX + row.name not in existing]
    if lost:
        log.warning("user_filter.topics_lost", filters=lost)
        kept.filter(pk__in=lost).update(
            topic_state="wanted", topic_error="Kafka had lost the topic; it is made anew"
        )
    return len(lost)


def make(name: str) -> None:
    """Make the topic of a filter, if it is not there.

    Raises
    ------
    TransientError
        If Kafka does not answer, or has no leader for it yet.
    """
    kafka_topics.ensure_topics([spec(name)])


def remove(name: str) -> None:
    """Delete the topic of a filter, if it is there.

    Raises
    ------
    TransientError
        If Kafka does not answer.
    """
    kafka_topics.delete_topics([TOPIC_PREFIX + name])


def spec(name: str) -> TopicSpec:
    """Return what the topic of a filter shall be."""
    settings = topic_config(config()) | {"retention.bytes": str(FILTER_RETENTION_BYTES)}
    kept_ms = FILTER_RETENTION_DAYS * DAY_MS
    return TopicSpec(TOPIC_PREFIX + name, FILTER_PARTITIONS, kept_ms, settings)


def _each(state: str, after: str, do: Callable[[str], None]) -> None:
    rows = UserFilter.objects.filter(topic_state=state).order_by("changed_at")
    for row in rows[:AT_ONCE]:
        same = UserFilter.objects.filter(pk=row.pk, topic_state=state)
        try:
            do(row.name)
        except TransientError as error:
            log.warning("user_filter.topic_waits", filter=row.name, wanted=after, error=str(error))
            same.update(topic_error=str(error)[:LONGEST_ERROR])
            continue
        if same.update(topic_state=after, topic_error=""):
            log.info("user_filter.topic", filter=row.name, state=after)
