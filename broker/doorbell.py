"""Ring for a task without ever waiting for Redis.

What is rung for stands in Kafka or in Postgres; a bell that nobody hears is rung again from there.
So a full queue or a dead Redis costs a count and a log line, never an exception or a delay.
"""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import structlog

QUEUE_SIZE = 1000
LARGEST_ARGUMENTS_BYTES = 1000
COMPLAIN_EVERY_S = 10.0

log = structlog.get_logger(__name__)


class Ring(NamedTuple):
    """One task to be started."""

    task: str
    queue: str
    arguments: tuple[Any, ...]
    priority: int


def check_arguments(arguments: Any) -> None:
    """Refuse what must not pass through Redis.

    Raises
    ------
    TypeError
        If the arguments are not plain JSON; bytes are not.
    ValueError
        If they are larger than 1 kB.
    """
    size_bytes = len(json.dumps(arguments))
    if size_bytes > LARGEST_ARGUMENTS_BYTES:
        raise ValueError(
            f"task arguments of {size_bytes} bytes: pass ids or offsets, "
            f"at most {LARGEST_ARGUMENTS_BYTES} bytes"
        )


class Doorbell:
    """A queue and the one background thread that empties it; survives a fork by starting anew.

    Parameters
    ----------
    send : callable
        Hands one ring to the broker; may raise and may take seconds.
    size : int
        Rings that may wait; further ones are dropped.
    """

    def __init__(self, send: Callable[[Ring], None], size: int = QUEUE_SIZE) -> None:
        self._send = send
        self._size = size
        self._lock = threading.Lock()
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def ring(self, ring: Ring) -> bool:
        """Queue a ring; return whether there was room.

        Raises
        ------
        TypeError, ValueError
            If its arguments must not pass through Redis: a mistake in our code, not a fault.
        """
        check_arguments(ring.arguments)
        self._start()
        try:
            self._waiting.put_nowait(ring)
        except queue.Full:
            self._lost(ring, "the queue of the doorbell is full")
            return False
        return True

    def drain(self, patience_s: float) -> bool:
        """Wait until every ring was sent or lost; return whether that is so."""
        give_up_at = time.monotonic() + patience_s
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    return False
                self._waiting.all_tasks_done.wait(left_s)
        return True

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Ring] = queue.Queue(self._size)
        self._thread: threading.Thread | None = None
        self.sent = 0
        self.lost = 0
        self._complain_at = 0.0

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            ring = self._waiting.get()
            try:
                self._send(ring)
                self.sent += 1
            except Exception as error:  # noqa: BLE001 whatever the broker's client raises
                self._lost(ring, repr(error))
            finally:
                with suppress(ValueError):  # a fork's new queue has no task of the old one
                    self._waiting.task_done()

    def _lost(self, ring: Ring, why: str) -> None:
        self.lost += 1
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY_S
            log.warning("doorbell.lost", task=ring.task, lost=self.lost, error=why)
