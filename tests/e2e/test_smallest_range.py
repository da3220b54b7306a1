"""The range protocol at its smallest: one task per alert."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.drill import load
from tests.e2e.published import OUTPUTS, consume
from tests.e2e.system import System, on

pytestmark = [pytest.mark.slow]

PACKETS = 60


def test_one_task_per_alert(
    system: System, make_input: Callable[..., str], output_ends: dict[tuple[str, int], int]
):
    system.environment = {**system.environment, "NIGHTJAR_RANGES__ALERTS_PER_TASK": "1"}
    topic = make_input("ztf")
    system.start_listeners("ztf")
    system.start_worker()
    system.send(on(topic, load.ztf_packets(PACKETS)))

    system.wait_until_accounted(PACKETS)

    ranges = system.sql("SELECT last_offset - first_offset + 1, read_count FROM stream_ranges")
    assert ranges == [(1, 1)] * PACKETS
    came = Counter(
        (message.topic, message.headers["candid"]) for message in consume(OUTPUTS, output_ends)
    )
    candids = {str(load.ztf(number).candid) for number in range(PACKETS)}
    assert {candid for _, candid in came} >= candids
    assert {count for (_, candid), count in came.items() if candid in candids} == {1}
