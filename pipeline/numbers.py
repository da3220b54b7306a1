"""Numbers as they come in packets, and as people read them."""

import math
from typing import Any

import numpy as np

LARGEST = 2**63 - 1
"""Of the integers of Avro, Postgres and Parquet."""


def usable(value: Any) -> float | None:
    """Return a number; None for what is none, is missing, infinite or NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def integer(value: Any) -> int | None:
    """Return an integer; None for what is none, or does not fit into 64 bits."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and -LARGEST - 1 <= value <= LARGEST else None


def shortest_single(value: float | None) -> float | None:
    """Return a 32-bit float with no more digits than it has: 0.31179, not 0.3117900013923645."""
    return None if value is None else float(str(np.float32(value)))
