"""What needs no broker."""

import pytest

from broker.kafka import _gaps
from broker.kafka_types import Packet


@pytest.mark.parametrize(
    ("offsets", "gaps"),
    [
        ([5, 6, 7, 8], []),
        ([], [(5, 8)]),
        ([6, 7], [(5, 5), (8, 8)]),
        ([5, 8], [(6, 7)]),
    ],
    ids=["whole", "empty", "both ends", "middle"],
)
def test_a_range_is_its_messages_and_its_gaps(offsets, gaps):
    assert _gaps([Packet(offset, 0, b"") for offset in offsets], 5, 8) == gaps
