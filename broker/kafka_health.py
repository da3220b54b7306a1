"""Whether our own broker answers, asked without waiting long."""

from functools import cache

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from broker.errors import TransientError
from broker.kafka_connection import own_connection


def count_brokers(timeout_s: float) -> int:
    """Return how many brokers the cluster has, asked as ``pipeline`` on the inside listener.

    Raises
    ------
    TransientError
        If none answers within ``timeout_s``, or the login is refused.
    """
    try:
        return len(_client().list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise TransientError(f"Kafka: {error.args[0].str()}") from error


@cache
def _client() -> AdminClient:
    """Return a connection that this process keeps; made after the fork."""
    settings = {
        "reconnect.backoff.max.ms": 1000,  # a broker that is back is seen within a second
        "log_level": 1,  # an outage is reported by the caller, once, not by the library's threads
    }
    return AdminClient(own_connection() | settings)
