"""The five topics of each telescope, exactly as the field has them."""

from collections.abc import Iterator

from broker.config import Config
from broker.kafka_topics import TopicSpec
from broker.topic_settings import DAY_MS
from pipeline.telescope.record import Telescope, telescopes

PARTITIONS = 1
"""Of every topic: a cancel stays behind its start only where both lie in one partition."""
COMMANDS_DAYS, DATA_DAYS, STATUS_DAYS = 7, 30, 3
SMALL_BYTES = 2**20
"""Largest command, acknowledgment or status: they carry texts, never data."""
HEADER_BYTES = 2**20
"""By this a buried message may be larger than it was: the reasons stand in its headers."""


def telescope_topics(settings: Config) -> list[TopicSpec]:
    """Return the topics of all telescopes."""
    return [
        spec
        for telescope in telescopes(settings)
        for spec in topics_of(telescope, settings.telescope.data_max_bytes)
    ]


def topics_of(telescope: Telescope, data_max_bytes: int) -> Iterator[TopicSpec]:
    """Yield the topics of one telescope.

    Parameters
    ----------
    telescope : Telescope
        Whose.
    data_max_bytes : int
        Largest message of its data [bytes].
    """
    yield _spec(telescope.commands, COMMANDS_DAYS, "snappy", SMALL_BYTES)
    # The time of these is the broker's: deadlines are measured by our clock, not the telescope's.
    ours = {"message.timestamp.type": "LogAppendTime"}
    yield _spec(telescope.acknowledgments, COMMANDS_DAYS, "snappy", SMALL_BYTES, **ours)
    yield _spec(telescope.data, DATA_DAYS, "lz4", data_max_bytes)
    yield _spec(telescope.status, STATUS_DAYS, "snappy", SMALL_BYTES, **ours)
    yield _spec(telescope.data_dlq, DATA_DAYS, "lz4", data_max_bytes + HEADER_BYTES)


def _spec(name: str, days: int, compression: str, most_bytes: int, **more: str) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "compression.type": compression,
        "max.message.bytes": str(most_bytes),
        **more,
    }
    return TopicSpec(name, PARTITIONS, days * DAY_MS, config)
