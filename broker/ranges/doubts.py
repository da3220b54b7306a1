"""Believe bad news of Kafka only when they last: a new leader may not know everything yet."""

from collections.abc import Hashable
from typing import Generic, TypeVar

LAPSES_AFTER_S = 60.0
"""A doubt that was not repeated for so long has nothing to do with the next one."""

What = TypeVar("What", bound=Hashable)


class Doubts(Generic[What]):
    """Since when this process has doubted what.

    Parameters
    ----------
    sure_after_s : float
        A doubt that still stands after this time is justified [s].
    """

    def __init__(self, sure_after_s: float) -> None:
        self._sure_after_s = sure_after_s
        self._known: dict[What, tuple[float, float]] = {}

    def is_sure(self, what: What, now_s: float) -> bool:
        """Doubt something at ``now_s``, of a clock that only goes forward; True when it is sure."""
        since_s, last_s = self._known.get(what, (now_s, now_s))
        if now_s - last_s > LAPSES_AFTER_S:
            since_s = now_s
        self._known[what] = since_s, now_s
        return now_s - since_s >= self._sure_after_s

    def drop(self, what: What) -> None:
        """Doubt it no longer."""
        self._known.pop(what, None)
