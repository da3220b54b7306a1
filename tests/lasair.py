"""Messages of Lasair's filters for tests, and what became of them."""

import json
from datetime import UTC, datetime
from typing import Any

from broker.kafka_messages import Received
from broker.sections.lasair import LasairTopicSettings
from pipeline.lasair.day_files import Place
from pipeline.lasair.reception import TopicReception

TOPIC = LasairTopicSettings(name="lasair_2SN-likecandidates", survey="ztf")
JD = 2460824.0
DAY = "2025-05-28"
WRITTEN_AT = datetime(2025, 5, 29, 1, 2, 3, tzinfo=UTC)


def alert(object_id: str = "ZTF18abcdefg", **columns: Any) -> bytes:
    """Return a message that a filter sent."""
    given = {"objectId": object_id, "latest_detection": JD, "UTC": "2025-05-29 01:00:00"}
    return json.dumps(given | columns).encode()


def received(raw: bytes, offset: int = 0, partition: int = 0) -> Received:
    """Return a message as a reader hands it out."""
    return Received(TOPIC.name, partition, offset, int(WRITTEN_AT.timestamp() * 1000), raw)


def reception(topic_id: str = "id-1") -> TopicReception:
    """Return what takes the messages of a topic."""
    return TopicReception(TOPIC, lambda: topic_id, Place.ours())


def batch(*raw: bytes, start: int = 0) -> list[Received]:
    """Return messages as one batch."""
    return [received(each, offset) for offset, each in enumerate(raw, start)]
