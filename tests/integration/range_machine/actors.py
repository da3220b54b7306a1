"""Processes of the model as threads that run only when told to, from one crash point to the next.

A crash point is a transaction's beginning or its commit, a named failpoint of our code, or a call
to Kafka or Redis. An actor that waits for a lock of another one counts as stopped too, so that real
lock waits between half-finished transactions take part.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

LOOK_S = 0.003
PATIENCE_S = 30.0
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""

_here = threading.local()


class Clock:
    """Stands in for ``time`` in our modules; moves when it is told to, or slept on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Killed(BaseException):
    """The process of this actor is gone, as by kill -9: nothing of ours may catch it."""


class Actor:
    """One task of a worker, or one tick of a listener.

    Attributes
    ----------
    at : str or None
        Crash point where it stands; None while it runs or when it has ended.
    ended : bool
        Whether nothing follows.
    outcome : exception or None
        What it ended with.
    is_killed : bool
        Whether its process is gone.
    is_inside : bool
        Whether it is in a transaction and may hold locks.
    """

    def __init__(self, name: str, work: Callable[[], object], crash_here: Callable[..., None]):
        self.name = name
        self.at: str | None = None
        self.ended = False
        self.outcome: BaseException | None = None
        self.is_killed = False
        self.is_inside = False
        self._work = work
        self._crash_here = crash_here
        self._blow: BaseException | None = None
        self._until: Callable[[str], bool] = lambda _: True
        self._may_go = threading.Semaphore(0)
        self.stopped = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self.at is None and not self.ended

    def go(self, until: Callable[[str], bool], blow: BaseException | None = None) -> None:
        """Go on to the next crash point that ``until`` likes; ``blow`` strikes here and now."""
        self._until, self._blow = until, blow
        with self.stopped:
            self.at = None
        self._may_go.release()

    def crash_point(self, name: str) -> None:
        if self.is_killed:
            return  # what unwinds now would not run in a process that is gone
        self._crash_here(self, name)
        if self._until(name):
            self._stop(name)

    def _stop(self, name: str) -> None:
        with self.stopped:
            self.at = name
            self.stopped.notify_all()
        self._may_go.acquire()
        blow, self._blow = self._blow, None
        if blow is not None:
            self.strike(blow)

    def strike(self, blow: BaseException) -> None:
        """Raise ``blow`` in this actor's thread."""
        self.is_killed = isinstance(blow, Killed)
        raise blow

    def _run(self) -> None:
        _here.actor = self
        try:
            self._stop("start")
            self._work()
        except BaseException as error:  # noqa: BLE001 the schedule judges it
            self.outcome = error
        with self.stopped:
            self.ended = True
            self.stopped.notify_all()


def current() -> Actor | None:
    """Return the actor whose thread this is."""
    return getattr(_here, "actor", None)


def crash_point(name: str) -> None:
    """Stop here if the actor was told to; outside of actors nothing happens."""
    actor = current()
    if actor is not None:
        actor.crash_point(name)


class Schedule:
    """All actors; one moves at a time, but for those that wait for its locks."""

    def __init__(self, watch: "psycopg.Connection") -> None:
        self._watch = watch
        self.actors: list[Actor] = []

    def add(self, actor: Actor) -> Actor:
        self.actors.append(actor)
        self._wait(actor)
        return actor

    def move(
        self, actor: Actor, until: Callable[[str], bool], blow: BaseException | None = None
    ) -> None:
        """Let an actor that stands go on; return when all stand, have ended, or wait for locks."""
        actor.go(until, blow)
        self._settle()

    def finish(self, actor: Actor, blow: BaseException | None = None) -> None:
        """Let an actor run to its end; whoever hinders it leaves its transaction first."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not actor.ended:
            assert time.monotonic() < give_up_at, f"{actor.name} does not end"
            if actor.at is not None:
                self.move(actor, lambda _: False, blow)
                blow = None
            if not actor.ended:
                self.leave_transactions(but=actor)

    def leave_transactions(self, but: Actor | None = None) -> None:
        """Let every actor go on until none stands in a transaction or waits for a lock."""
        while inside := [a for a in self.actors if a.at and a.is_inside and a is not but]:
            self.move(inside[0], lambda _, actor=inside[0]: not actor.is_inside)

    def forget_ended(self) -> list[Actor]:
        """Drop actors that have ended and return them."""
        ended = [actor for actor in self.actors if actor.ended]
        self.actors = [actor for actor in self.actors if not actor.ended]
        return ended

    def _settle(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while running := [actor for actor in self.actors if actor.is_running]:
            with running[0].stopped:
                if running[0].is_running:
                    running[0].stopped.wait(LOOK_S)
            still = sum(actor.is_running for actor in self.actors)
            if still and self._watch.execute(WAITING).fetchone()[0] >= still:
                return
            assert time.monotonic() < give_up_at, f"{running[0].name} neither moves nor waits"

    def _wait(self, actor: Actor) -> None:
        with actor.stopped:
            while actor.is_running:
                assert actor.stopped.wait(PATIENCE_S), f"{actor.name} did not start"
