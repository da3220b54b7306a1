"""Whether a consumer's memory is flat over a night."""

import statistics
from collections.abc import Iterator, Sequence

import numpy as np

WARM = 0.2
"""Part of the alerts after which pools, caches and queues have their size."""
MOST_GROWTH = 0.10
"""Of the median: what a straight line may rise over the last half."""
MOST_PEAK = 1.25
"""Of the median after the warm-up."""
EVERY = 1000

Samples = Sequence[tuple[int, int]]
"""Alerts read so far, and resident memory then [bytes]."""


def growth_bytes(samples: Samples) -> float:
    """Return how much a straight line through the last half rises over it [bytes]."""
    half = samples[-1][0] / 2
    alerts, resident = np.array([one for one in samples if one[0] >= half], float).T
    if len(set(alerts)) < 2:
        return 0.0
    return float(np.polyfit(alerts - half, resident, 1)[0] * half)


def steady(samples: Samples) -> list[int]:
    """Return the memory after the warm-up [bytes]."""
    return [resident for alerts, resident in samples if alerts >= WARM * samples[-1][0]]


def failures(samples: Samples) -> Iterator[str]:
    """Yield what is not flat."""
    after = steady(samples)
    usual, grew = statistics.median(after), growth_bytes(samples)
    if grew > MOST_GROWTH * usual:
        yield f"memory grew by {grew / 1e6:.0f} MB over the last half, of {usual / 1e6:.0f}"
    if max(after) > MOST_PEAK * usual:
        yield f"memory rose to {max(after) / 1e6:.0f} MB, where {usual / 1e6:.0f} are usual"


def every_thousand(samples: Samples) -> list[int]:
    """Return the most memory of each thousand alerts [bytes]."""
    most: dict[int, int] = {}
    for alerts, resident in samples:
        at = max(0, alerts - 1) // EVERY
        most[at] = max(most.get(at, 0), resident)
    return [most[at] for at in sorted(most)]
