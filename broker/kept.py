"""A look at something slow, kept for a while: many ask, one looks, nobody waits for long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.logs import log

_T = TypeVar("_T")

SHARE = 10
"""A look that takes long is kept this many times as long: looking takes a tenth of the time."""
LATER_S = 0.5
"""A look that is not the first is waited for so long [s]."""


@dataclass(frozen=True)
class Seen(Generic[_T]):
    """What was seen, and when."""

    value: _T
    at_s: float
    """Of ``time.monotonic()``."""
    took_s: float

    @property
    def age_s(self) -> float:
        """Return how long ago that was [s]."""
        return time.monotonic() - self.at_s


class Kept(Generic[_T]):
    """The last look at something.

    Parameters
    ----------
    name : str
        For the log.
    look : callable
        Looks; may take long and may fail.
    keep_s : float
        A younger look is good enough [s].
    patience_s : float
        The first look is waited for until it has taken this long [s], whoever asks; later the last
        one will do.
    """

    def __init__(
        self, name: str, look: Callable[[], _T], *, keep_s: float, patience_s: float
    ) -> None:
        self._name = name
        self._look = look
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._last: Seen[_T] | None = None
        self._tried_at_s = -keep_s
        self._took_s = 0.0
        self._waited_for_until_s = 0.0
        self._is_first = True
        self._running: Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def get(self) -> Seen[_T] | None:
        """Return the last look, after a new one if that is due and comes in time."""
        with self._lock:
            now_s = time.monotonic()
            if self._running is None and self._is_due():
                # Made late: gunicorn loads this module before it forks.
                self._thread = self._thread or ThreadPoolExecutor(1, f"kept-{self._name}")
                self._running = self._thread.submit(self._look_once)
                patience_s = self._patience_s if self._is_first else min(self._patience_s, LATER_S)
                self._waited_for_until_s = now_s + patience_s
            running = self._running
            left_s = self._waited_for_until_s - now_s
        if running is not None:
            with suppress(FutureTimeoutError):
                running.result(max(left_s, 0.0))
        return self._last

    def forget(self) -> None:
        """Look anew when asked next."""
        with self._lock:
            self._last = None
            self._tried_at_s = -self._keep_s
            self._took_s = 0.0

    def _is_due(self) -> bool:
        rest_s = max(self._keep_s, SHARE * self._took_s)
        return time.monotonic() - self._tried_at_s >= rest_s

    def _look_once(self) -> None:
        began_s = time.monotonic()
        try:
            value = self._look()
        except Exception as error:  # noqa: BLE001 a page shows what is known and says what is not
            log.warning("kept.not_seen", name=self._name, error=repr(error))
        else:
            self._last = Seen(value, time.monotonic(), time.monotonic() - began_s)
        with self._lock:
            self._tried_at_s = time.monotonic()
            self._took_s = self._tried_at_s - began_s
            self._is_first = False
            self._running = None
