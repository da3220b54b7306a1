"""Read a source once: from where its group stands to the ends that it has now."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime

from broker.config import config
from broker.db import lock, transaction
from broker.errors import TransientError
from broker.host import this_host
from broker.kafka import Cluster, Watermarks, source_connection
from broker.kafka_connection import Partition
from broker.kafka_messages import Received
from pipeline.selected import sources
from pipeline.selected.listener import SelectedListener, make_selected_listener
from pipeline.selected.runs import Counts, RunBook

JOIN_S = 45.0
"""A group gives no partition before a member that died is forgotten."""
HEARD_S = 7.0
"""What a broker, or the way to it, refuses for so long is not waited for."""
SILENT_S = 20.0
"""Nothing came for so long, though there is more: somebody else has it, or Kafka is away."""
SETTLE_S = 30.0
"""A run waits so long for another process that writes below the same root."""
LOOK_AGAIN_S = 1.0


class CollectError(Exception):
    """A run that cannot be made now; the message says why."""


@dataclass(frozen=True)
class Limits:
    """When a run stops short of the end.

    Attributes
    ----------
    duration_s : float or None
        After so long [s].
    max_messages : int or None
        After so many, a batch more or less.
    """

    duration_s: float | None = None
    max_messages: int | None = None

    def are_reached(self, began_s: float, read: int) -> bool:
        """Tell whether a run that began then and has read so much is to stop."""
        is_late = self.duration_s is not None and time.monotonic() - began_s >= self.duration_s
        return is_late or (self.max_messages is not None and read >= self.max_messages)


@dataclass(frozen=True)
class Collected:
    """What a run did.

    Attributes
    ----------
    counts : Counts
        Messages.
    behind : int
        Offsets that it did not read.
    state : str
        One of ``RUN_STATES``: done, short of the end, or failed to reach the topic at all.
    why : str or None
        Why it is not done.
    took_s : float
        Duration [s].
    """

    counts: Counts
    behind: int
    state: str
    why: str | None
    took_s: float


class _Way:
    """How far a run is in each partition that it was given."""

    def __init__(self, cluster: Cluster, listener: SelectedListener, start: str) -> None:
        self._cluster = cluster
        self._reader = listener.reader
        self._start = start
        self._ends: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}

    @property
    def has_begun(self) -> bool:
        """Tell whether partitions were given."""
        return bool(self._ends)

    @property
    def behind(self) -> int:
        """Return how many offsets are left."""
        return sum(max(0, end - self._next[place]) for place, end in self._ends.items())

    def meet(self) -> None:
        """Note the end of every partition that was just given."""
        new = self._reader.owned - self._ends.keys()
        if not new:
            return
        marks, committed = self._cluster.watermarks(new), self._reader.committed(new)
        for place, mark in marks.items():
            self._ends[place] = mark.high
            self._next[place] = max(mark.low, self._first(committed.get(place), mark))

    def go(self, batch: Sequence[Received]) -> None:
        """Note what was read."""
        for message in batch:
            self._next[message.topic, message.partition] = message.offset + 1
        for place, end in self._reader.ends.items():
            # Markers of transactions have offsets, and never come.
            self._next[place] = max(self._next.get(place, 0), end)

    def others(self) -> list[Partition]:
        """Return the partitions of the same topics that another process was given."""
        topics = {topic for topic, _ in self._ends}
        return sorted(set(self._cluster.partitions(topics)) - self._ends.keys())

    def _first(self, committed: int | None, mark: Watermarks) -> int:
        if committed is not None:
            return committed
        return mark.low if self._start == "earliest" else mark.high


def collect(
    source: str,
    *,
    limits: Limits = Limits(),
    workers: int | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Collected:
    """Read a source to the ends that it has now, and write what is new.

    Parameters
    ----------
    source : str
        Of ``sources.names()``.
    limits : Limits
        When to stop short.
    workers : int, optional
        Cutouts written at once; that of the settings when not given.
    is_stopping : callable
        Asked between batches.
    clock : callable
        Returns the time (UTC) at which alerts are written.

    Raises
    ------
    CollectError
        If another run of this source, or its listener, is at work.
    KeyError, SelectionTakenError
        As ``make_selected_listener``.
    """
    began_s = time.monotonic()
    with lock(f"nightjar.collect.{this_host()}.{source}") as is_ours:
        if not is_ours:
            raise CollectError(f"another run of {source} is at work on this machine")
        slot = f"collect-{source}"
        _refuse_beside_listener(source, slot)
        with _begun(source, slot, clock().date()) as book:
            listener = make_selected_listener(source, slot, book=book, workers=workers, clock=clock)
            try:
                way, why = _read(source, listener, began_s, limits, is_stopping)
                why = settle(listener) or why
            finally:
                listener.close()
        state = _state(way, why)
        book.end(state, behind=way.behind, error=why)
        return Collected(book.total, way.behind, state, why, time.monotonic() - began_s)


@contextmanager
def _begun(source: str, slot: str, night: date) -> Iterator[RunBook]:
    """Note a run before anybody is asked for anything, and that it failed if it raises."""
    with transaction() as session:
        book = RunBook(sources.claim(session, source).id, "collect", slot)
    book.begin(night)
    try:
        yield book
    except BaseException as error:
        book.end("failed", error=repr(error)[:500])
        raise


def _state(way: _Way, why: str | None) -> str:
    """Return how a run ended; that which saw no partition read nothing, and nothing is balanced."""
    if why is None:
        return "done"
    return "short" if way.has_begun else "failed"


def settle(listener: SelectedListener) -> str | None:
    """Write what is left; return why not, where others below the same root keep it from that."""
    give_up_at_s = time.monotonic() + SETTLE_S
    while True:
        listener.look()
        waiting = listener.unwritten()
        if not waiting:
            return None
        if time.monotonic() >= give_up_at_s:
            return f"{waiting} rows are in no file yet: another process writes, or see the log"
        time.sleep(LOOK_AGAIN_S)


def _refuse_beside_listener(source: str, slot: str) -> None:
    """Leave a running listener its partitions: who joins its group takes some of them away."""
    where = sources.settings_of(source)
    try:
        members = Cluster(source_connection(where)).members(sources.group_of(source))
    except TransientError:
        return  # a broker that is away, or lets nobody ask, is told of by the run itself
    if others := [member for member in members if member != slot]:
        session_s = config().ranges.session_timeout_ms // 1000
        raise CollectError(
            f"listen {source} is running ({', '.join(others)}) and writes the same files: leave "
            f"them to it, or stop it first; Kafka forgets a stopped one after {session_s} s"
        )


def _read(
    source: str,
    listener: SelectedListener,
    began_s: float,
    limits: Limits,
    is_stopping: Callable[[], bool],
) -> tuple[_Way, str | None]:
    """Read until the end; return why not, where it is not reached."""
    where = sources.settings_of(source)
    way = _Way(Cluster(source_connection(where)), listener, where.start)
    heard_s, read = time.monotonic(), 0
    while True:
        way.meet()
        if way.has_begun and not way.behind:
            with suppress(TransientError):  # whoever comes next finds no message there
                listener.reader.commit_all(listener.reader.ends)
            return way, _shared(way)
        if is_stopping() or limits.are_reached(began_s, read):
            return way, _stopped(way, where.topic)
        batch = listener.tick()
        way.meet()
        way.go(batch)
        read += len(batch)
        now_s = time.monotonic()
        heard_s = now_s if batch else heard_s
        if now_s - heard_s > _patience_s(way, listener.reader.trouble):
            return way, _silence(way, where.topic, listener.reader.trouble)


def _stopped(way: _Way, topic: str) -> str:
    if way.has_begun:
        return f"stopped {way.behind} offsets before the end"
    return f"stopped before a partition of {topic} was given"


def _shared(way: _Way) -> str | None:
    others = way.others()
    if not others:
        return None
    return f"{len(others)} partitions are read by another process of the same group"


def _patience_s(way: _Way, trouble: str) -> float:
    if way.has_begun:
        return SILENT_S
    return HEARD_S if trouble else JOIN_S


def _silence(way: _Way, topic: str, trouble: str) -> str:
    if way.has_begun:
        return f"nothing came for {SILENT_S:.0f} s, {way.behind} offsets before the end"
    why = trouble or "it does not exist, or others of the group have all"
    return f"no partition of {topic} was given: {why}"
