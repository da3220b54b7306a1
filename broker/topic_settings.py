"""Settings of Kafka topics that more than one package makes."""

from broker.config import Config

DAY_MS = 86_400_000
FILTER_PARTITIONS = 1
FILTER_RETENTION_DAYS = 7
FILTER_RETENTION_BYTES = 2**30
"""Of the topic of each user's filter."""


def topic_config(settings: Config) -> dict[str, str]:
    """Return the Kafka settings that every topic of ours shares."""
    return {
        "cleanup.policy": "delete",
        "max.message.bytes": str(settings.kafka.message_max_bytes),
        "min.insync.replicas": str(settings.kafka.min_insync_replicas),
    }
