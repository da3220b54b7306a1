"""Which filters' topics are read, and where each of them is."""

from typing import Any

from broker.config import Config
from broker.kafka import source_connection
from broker.sections.lasair import LasairTopicSettings
from broker.sections.streams import StreamSettings


def connection(settings: Config, topic: LasairTopicSettings) -> dict[str, Any]:
    """Return how a topic is reached: Lasair's Kafka knows no login; or our own broker."""
    return source_connection(
        StreamSettings(
            topic=topic.name,
            bootstrap_servers=settings.lasair.servers(topic),
            security_protocol="PLAINTEXT",
        )
    )
