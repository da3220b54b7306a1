"""Messages on their way, and the ids by which consumers know a repeated one."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from broker.kafka_types import Message

DELIVERY_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "nightjar.delivery")


@dataclass(frozen=True)
class Outgoing:
    """One message and the output bit that its acknowledgment clears."""

    alert_id: int
    survey: str
    candid: int
    offset: int
    kafka_timestamp: datetime
    """Of the packet."""
    bit: int
    message: Message
    delivery: int | None = None
    """``filter_deliveries.id``, of a message for a user's filter; several may share the bit."""


def delivery_id(survey: str, candid: int, topic: str) -> str:
    """Return the id by which a consumer knows a repeated message."""
    return str(uuid.uuid5(DELIVERY_NAMESPACE, f"{survey}:{candid}:{topic}"))
