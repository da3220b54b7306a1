"""The loop of a listener that reads messages: it outlives whoever is away, and says so."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog

REST_S = 1.0
COMPLAIN_EVERY_S = 10.0

log = structlog.get_logger(__name__)


class MessageLoop(ABC):
    """Ticks until it is told to end.

    Parameters
    ----------
    rest_s : float
        Pause after a server was away [s].
    """

    def __init__(self, *, rest_s: float = REST_S) -> None:
        self._rest_s = rest_s
        self._complain_at = 0.0

    @abstractmethod
    def tick(self) -> object:
        """Take what comes next; what is at hand is finished first."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back."""

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Tick until ``is_stopping``.

        Raises
        ------
        Fenced
            If another process took this slot; this one must end.
        """
        try:
            while not is_stopping():
                self.tick()
        finally:
            self.close()

    def rest(self, error: BaseException) -> None:
        """Say, not too often, that somebody is away, and give them a moment."""
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY_S
            log.warning("listener.tick_failed", error=str(error)[:500])
        time.sleep(self._rest_s)
