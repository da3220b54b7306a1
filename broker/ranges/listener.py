"""The loop that owns partitions of a stream and cuts new offsets into ranges.

A tick asks for new offsets, reads the states of its ranges, commits what is finished, cuts what has
come and rings for what must be rung. A tick that fails is logged and the next one comes; nothing
that a tick forgets is lost, for it begins again from Kafka's offsets and the rows in Postgres.
"""

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import date
from typing import Literal

import psycopg
import structlog
from confluent_kafka import KafkaException
from sqlalchemy.exc import DBAPIError

from broker import metrics
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka import Cluster, Fenced, Listeners, PartitionOwner
from broker.ranges import bookkeeping, vanished
from broker.ranges.assignment import Assigner
from broker.ranges.brakes import Brakes
from broker.ranges.holdings import Holdings
from broker.ranges.planning import Place

COMMIT_EVERY_S = 1.0
RING_EVERY_S = 0.2
BRAKES_EVERY_S = 1.0
ENDS_UNDER_LOAD_EVERY_S = 1.0
LOW_EVERY_S = 10.0
TAKE_EVERY_S = 0.5
TOUCH_EVERY_S = 10.0
TOPICS_EVERY_S = 30.0
CLEAN_EVERY_S = 300.0
COMPLAIN_EVERY_S = 10.0
STATEMENT_S = 5
STOP_S = 5.0

OUTAGES = (TransientError, KafkaException, FutureTimeoutError, DBAPIError, psycopg.Error)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ListenerSettings:
    """What one listener of one stream does.

    Attributes
    ----------
    stream, task, queue : str
        Whose partitions, and which Celery task works on a range.
    owner : str
        Slot and process, for people.
    start : str
        Where a group without offsets begins.
    window : int
        Ranges in flight.
    longest : int
        Offsets in one range.
    tick_s, ring_after_s : float
        How often new offsets are asked for; when a queued range is rung again.
    tonight : callable, optional
        Returns the night that offsets are booked on which nobody will read.
    """

    stream: str
    task: str
    queue: str
    owner: str
    start: Literal["earliest", "latest"]
    window: int
    longest: int
    tick_s: float
    ring_after_s: float
    tonight: Callable[[], date] | None = None


class Listener:
    """Owns partitions and keeps a window of ranges in flight.

    Parameters
    ----------
    settings : ListenerSettings
        What to do.
    join : callable
        Makes the member of the group, given what to call when partitions come and go.
    cluster : Cluster
        Answers questions about topics and offsets.
    brakes : Brakes
        Says when nothing may be cut.
    enqueue : callable
        ``enqueue(task, queue, *arguments)``; must neither wait nor raise.
    """

    def __init__(
        self,
        settings: ListenerSettings,
        join: Callable[[Listeners], PartitionOwner],
        cluster: Cluster,
        brakes: Brakes,
        enqueue: Callable[..., object],
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._brakes = brakes
        self._enqueue = enqueue
        self._held = Holdings(settings.stream, settings.tonight)
        self._kafka = join(Listeners(self._came, self._went, self._lost))
        self._assigner = Assigner(
            settings.stream,
            settings.owner,
            settings.start,
            self._kafka,
            cluster,
            settings.tonight,
        )
        self._in_flight = metrics.RANGES_IN_FLIGHT.labels(settings.stream)
        self._has_come = False
        self._is_closing = False
        self._tick_at = 0.0
        self._vanished: set[str] = set()
        self._due_at: dict[str, float] = {}

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Tick until ``is_stopping``; then let ranges that are nearly done finish, and commit.

        Raises
        ------
        Fenced
            If another process owns this slot or these partitions; this one must end.
        """
        try:
            while not is_stopping():
                self.tick()
            self._is_closing = True
            give_up_at = time.monotonic() + STOP_S
            while self._held.in_flight() and time.monotonic() < give_up_at:
                self.tick()
            self._attempt(self._commit_finished)
        except Fenced:
            self._held.drop(list(self._held.owned))  # not even a commit: it is the successor's
            raise
        finally:
            self._kafka.close()

    def tick(self) -> None:
        """Do everything once; a part that fails is logged, and the next tick comes."""
        self._attempt(self._serve_group)
        self._attempt(self._work)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OUTAGES as error:
            self._held.is_stale = True
            if self._is_time("complain", COMPLAIN_EVERY_S):
                log.warning("listener.tick_failed", step=step.__name__, error=str(error)[:500])
            time.sleep(self._settings.tick_s)  # a retry: whoever is away needs a moment

    def _serve_group(self) -> None:
        self._kafka.poll(max(0.0, self._tick_at - time.monotonic()))

    def _work(self) -> None:
        self._tick_at = time.monotonic() + self._settings.tick_s
        if self._is_time("topics", TOPICS_EVERY_S):  # before whatever a missing topic breaks
            self._check_topics()
        self._take_over()
        self._see_new_offsets()
        self._held.read_states(self._brakes.note)
        if self._is_time("commit", COMMIT_EVERY_S):
            self._commit_finished()
        self._cut()
        self._in_flight.set(self._held.in_flight())
        if self._held.in_flight() and self._is_time("ring", RING_EVERY_S):
            for due in self._held.take_due(self._settings.ring_after_s):
                self._ring(*due)
        if self._held.owned and self._is_time("clean", CLEAN_EVERY_S):
            with transaction() as session:
                bookkeeping.delete_done(session, self._settings.stream)
        if not (self._held.in_flight() or self._held.uncut()):
            self._kafka.watch(self._held.highs())  # the next alert need not wait for a tick

    def _came(self, places: list[Place]) -> None:
        self._held.to_take.update(places)
        self._has_come = True

    def _went(self, places: list[Place]) -> None:
        """Commit what is finished while a partition is still ours; the rest is adopted."""
        finished = {at: cursor for at, cursor in self._held.finished().items() if at in places}
        try:
            self._kafka.commit_all(finished)
        except (*OUTAGES, Fenced) as error:
            log.warning("listener.not_committed", error=str(error))
        self._held.drop(places)

    def _lost(self, places: list[Place]) -> None:
        log.warning("listener.lost", partitions=len(places))
        self._held.drop(places)

    def _take_over(self) -> None:
        """Take what came; what cannot be taken yet is asked for again, though not in every tick."""
        held = self._held
        if not held.to_take or not (self._has_come or self._is_time("take", TAKE_EVERY_S)):
            return
        self._has_come = False
        held.adopt(self._assigner.take(sorted(held.to_take), held.reached, time.monotonic()))

    def _see_new_offsets(self) -> None:
        owned = self._held.owned
        settings = self._settings
        is_full = self._held.uncut() >= settings.window * settings.longest
        if is_full and not self._is_time("ends", ENDS_UNDER_LOAD_EVERY_S):
            return  # whole windows wait: later offsets change nothing now
        for place, high in self._cluster.ends(owned).items():
            self._held.see_end(place, high)
        if owned and self._is_time("low", LOW_EVERY_S):
            for place, low in self._cluster.beginnings(owned).items():
                owned[place].low = low

    def _commit_finished(self) -> None:
        """Tell Kafka, then Postgres, how far each partition is finished."""
        finished = self._held.finished()
        if finished:
            failpoint("before_commit")
            if not self._kafka.commit_all(finished):
                return  # members are joining: next time
            failpoint("after_commit")
            self._held.note_committed(finished)
        if finished or self._is_time("touch", TOUCH_EVERY_S):
            self._held.write_committed()

    def _cut(self) -> None:
        if self._is_closing or not self._held.owned:
            return
        if self._is_time("brakes", BRAKES_EVERY_S):
            self._brakes.look()
        if self._brakes.is_on:
            return
        settings = self._settings
        inserted = self._held.cut(settings.window, settings.longest, settings.ring_after_s)
        if inserted:
            failpoint("after_insert")
        for cut in inserted:
            if cut.is_expired:
                log.error("listener.offsets_expired", **cut._asdict())
            else:
                self._ring(cut.place, cut.first, cut.last)

    def _ring(self, place: Place, first: int, last: int) -> None:
        settings = self._settings
        self._enqueue(settings.task, settings.queue, settings.stream, *place, first, last, 0)

    def _check_topics(self) -> None:
        """Look for topics that were made anew or are gone; gone means twice in a row.

        The partitions of a topic that is gone are taken again as soon as there is one of its name:
        the group gives them to us anew only if its members have noticed in between.
        """
        stream, tonight, held = self._settings.stream, self._settings.tonight, self._held
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            unfinished = set(vanished.unfinished_topics(session, stream))
        topics = unfinished | {topic for topic, _ in held.owned}
        found = self._cluster.topic_ids(topics)
        for place, partition in list(held.owned.items()):
            if found.get(place[0], partition.topic_id) != partition.topic_id:
                held.take_anew(place)
        gone = topics - found.keys()
        for topic in gone & self._vanished & unfinished:
            log.error("listener.topic_gone", topic=topic)
            for place in [place for place in held.owned if place[0] == topic]:
                held.take_anew(place)
            with transaction() as session:
                vanished.retire_topic(session, stream, topic, tonight and tonight())
        self._vanished = gone

    def _is_time(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due_at.get(what, 0.0):
            return False
        self._due_at[what] = now + every_s
        return True
