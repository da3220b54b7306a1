"""The newest messages of our own topics, for pages that show one; a reader that joins no group."""

import threading
from functools import cache

from broker.kafka import RangeReader, own_connection
from broker.kafka_types import Packet

GROUP_PREFIX = "nightjar-web-"

_lock = threading.Lock()


def read_last(topic: str, partition: int, last: int, count: int, low: int = 0) -> list[Packet]:
    """Return up to ``count`` messages that end at offset ``last``, none below ``low``.

    Raises
    ------
    TransientError
        If the broker is away.
    OffsetsExpired
        If they were deleted meanwhile.
    """
    with _lock:  # one reader, and a reader is nobody else's while it reads
        return _reader().read(topic, partition, max(low, last - count + 1), last).packets


@cache
def _reader() -> RangeReader:
    """Return this process's reader; made after the fork."""
    return RangeReader(own_connection(), GROUP_PREFIX)
