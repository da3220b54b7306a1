"""Ways in which the stand-in fails on request."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["busy", "broken", "refuse", "hang", "cut", "drop"]
FAULTS: tuple[FaultKind, ...] = ("busy", "broken", "refuse", "hang", "cut", "drop")


@dataclass(frozen=True)
class Fault:
    """What happens to one call.

    Attributes
    ----------
    kind : str
        ``busy``: 429 with Retry-After; ``broken``: 500; ``refuse``: ok false with ``error``;
        ``hang``: the call waits before it is carried out; ``cut``: the connection ends before it
        is; ``drop``: the call is carried out and the connection ends without an answer.
    seconds : float
        Of Retry-After, or of the wait [s].
    error : str
        Slack's word for the refusal.
    """

    kind: FaultKind
    seconds: float = 1.0
    error: str = ""


class Faults:
    """Faults that wait for calls of a method, each for one call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Fault]] = {}

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next ``times`` calls of a method fail; ``upload`` is the sending of a file.

        Raises
        ------
        ValueError
            If there is no such fault.
        """
        if fault.kind not in FAULTS:
            raise ValueError(f"no fault {fault.kind!r}; known: {', '.join(FAULTS)}")
        with self._lock:
            self._waiting.setdefault(method, deque()).extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """Return what shall happen to this call, or None."""
        with self._lock:
            waiting = self._waiting.get(method)
            return waiting.popleft() if waiting else None

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting.clear()
