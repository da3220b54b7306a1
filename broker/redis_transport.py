"""How every Celery app of ours speaks to Redis; the shortest visibility timeout on it would win."""

import socket
from collections.abc import Iterable
from typing import Any

from kombu.transport import redis, virtual

VISIBILITY_TIMEOUT_S = 7200
"""Above the longest task: a message comes again only when its holder is surely gone."""
PRIORITY_STEPS = (0, 3, 6, 9)

TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    # A Redis whose machine vanished says nothing: 25 s, not the system's two hours.
    "socket_keepalive_options": {
        socket.TCP_KEEPIDLE: 10,
        socket.TCP_KEEPINTVL: 5,
        socket.TCP_KEEPCNT: 3,
    },
    "queue_order_strategy": "priority",
    "priority_steps": PRIORITY_STEPS,
}


class QoS(redis.QoS):  # type: ignore[misc] # kombu has no types
    """The window of messages that a worker holds.

    kombu's own keeps a message in the window when Redis does not answer its acknowledgment. Celery
    logs that and goes on, for the connection that it listens on may be whole: after as many such
    messages as it has processes, a worker never takes another one.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge; what Redis was not told comes again after the visibility timeout."""
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):  # type: ignore[misc] # kombu has no types
    """A channel with that window."""

    QoS: Any = QoS


class Transport(redis.Transport):  # type: ignore[misc] # kombu has no types
    """Redis as Celery's broker, outlasting its silences."""

    Channel: Any = Channel


TRANSPORT = f"{__name__}:Transport"
"""As Celery's setting ``broker_transport`` wants it."""


def waiting(client: Any, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages of each queue no worker has taken yet.

    Each step of priority is a list of its own; the first has the queue's bare name.
    """
    return {
        name: sum(
            client.llen(f"{name}{Channel.sep}{step}" if step else name) for step in PRIORITY_STEPS
        )
        for name in queues
    }
