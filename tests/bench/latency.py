"""How long an alert takes from Kafka to Kafka, when it comes alone and at half the full rate."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.books import Seen
from tests.bench.expected import NONE_TOPIC
from tests.bench.flow import WorkerLog, wait_for
from tests.bench.packets import Spool
from tests.bench.profiles import SEED
from tests.bench.servers import System

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Stream:
    """One stretch of packets sent on a schedule.

    Attributes
    ----------
    survey : str
        Whose.
    rate_hz : float
        Mean rate asked for.
    candids : list of int
        Alerts sent.
    late_ms : float
        How far the sender was behind its schedule at worst [ms].
    """

    survey: str
    rate_hz: float
    candids: list[int]
    late_ms: float


def send(
    system: System, spool: Spool, numbers: Sequence[int], rate_hz: float, log: WorkerLog
) -> Stream:
    """Send packets at random moments (a Poisson process), and wait until they are done."""
    rng = np.random.default_rng([SEED, 6])
    due_s = np.cumsum(rng.exponential(1 / rate_hz, len(numbers)))
    values = [next(spool.values(at, at + 1)) for at in numbers]
    producer = system.producer()
    failed: list[object] = []
    late_s = 0.0
    log.skip()
    began = time.monotonic()
    for value, due in zip(values, due_s.tolist(), strict=True):
        ahead_s = began + due - time.monotonic()
        if ahead_s > 0:
            producer.poll(0)
            time.sleep(max(0.0, began + due - time.monotonic()))
        late_s = max(late_s, -ahead_s)
        system.offer(producer, spool.survey, value, lambda error, _: error and failed.append(error))
        producer.flush(0.001)
    producer.flush(30)
    assert not failed, failed[:1]
    wait_for(log, len(numbers))
    candids = [spool.expected[at].candid for at in numbers]
    return Stream(spool.survey, rate_hz, candids, 1e3 * late_s)


def took_ms(stream: Stream, seen: Sequence[Seen], came_ms: Mapping[int, int]) -> list[int]:
    """Return each published alert's way: from its packet's append time to its message's [ms]."""
    sent = set(stream.candids)
    return [
        one.timestamp_ms - came_ms[one.candid]
        for one in seen
        if one.candid in sent and one.topic != NONE_TOPIC
    ]


def summary(took: Sequence[int]) -> dict[str, float]:
    """Return percentiles, the largest, and how many there are."""
    if not took:
        return {"alerts": 0}
    found = {f"p{p}_ms": float(np.percentile(took, p)) for p in PERCENTILES}
    return {"alerts": len(took), **found, "max_ms": float(max(took))}
