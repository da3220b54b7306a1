"""The range protocol under a schedule: our listeners and workers, real Postgres, a model Kafka."""

import itertools
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import psycopg
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from broker import db, failpoints
from broker.archive import Slice
from broker.config import ROOT, config
from broker.kafka import Fenced
from broker.ranges import claim as claims
from broker.ranges import listener as listeners
from broker.ranges.brakes import Brakes
from broker.ranges.listener import Listener, ListenerSettings
from pipeline.alerts import stranded, tasks
from pipeline.alerts.resources import Resources
from pipeline.simulate.single import DEC_DEG, RA_DEG, make_ztf_packet
from tests.integration.range_machine_actors import Actor, Killed, Schedule, crash_point, current
from tests.integration.range_machine_kafka import (
    Cluster,
    Kafka,
    Log,
    Member,
    Producer,
    Reader,
    Record,
    Topic,
)

STREAM = "ztf"
TOPIC = "ztf_20260101_programid1"
PARTITIONS = 2
LONGEST = 4
WINDOW = 5
PACKETS = 120
OBJECTS = 7
DEATHS_BEFORE_BURIAL = 4
QUIET_ROUNDS = 60
TABLES = (
    "alerts", "objects", "light_curves", "alert_duplicates", "stream_gaps", "dead_letters",
    "stream_ranges", "stream_partitions", "sources", "streams",
)  # fmt: skip


def good_packets() -> list[Record]:
    """Return packets of a few objects, each with a candid of its own."""
    return [
        Record(
            make_ztf_packet(
                object_id=f"ZTF26aaaaaa{'abcdefg'[number % OBJECTS]}",
                candid=3_000_000_000_000_000_000 + number,
                jd=2461254.75 + number / 1440,
                ra=RA_DEG + number % OBJECTS,
                dec=DEC_DEG,
                has_cutouts=False,
            ),
            3_000_000_000_000_000_000 + number,
            "good",
        )
        for number in range(PACKETS)
    ]


class Violation(AssertionError):  # noqa: N818 says what happened
    """The protocol broke a promise."""


class Task(NamedTuple):
    """One bell in Redis."""

    id: str
    arguments: tuple[Any, ...]


class Sent(NamedTuple):
    """One message in Kafka: who wrote it, and at which moment."""

    life: "Life"
    at: int
    is_acknowledged: bool


@dataclass(eq=False)
class Life:
    """One delivery of one task, from its claim to its end.

    Attributes
    ----------
    excuses : set of str
        Why what it published may be published again.
    commits : list of int
        Moments of its commits.
    is_counted : bool
        Whether its failed attempt stands in ``World.deaths``.
    """

    task: Task
    held: claims.Claim | None = None
    excuses: set[str] = field(default_factory=set)
    commits: list[int] = field(default_factory=list)
    is_counted: bool = False
    is_hurt: bool = False
    is_deadly: bool = False
    producer: Producer | None = None
    actor: Actor | None = None

    def offsets(self) -> tuple[str, int, range]:
        _, topic, partition, first, last, *_ = self.task.arguments
        if self.held is not None:
            last = self.held.last
        return topic, partition, range(first, last + 1)


@dataclass(eq=False)
class Process:
    """One listener's process, and the tick that it is in."""

    slot: str
    listener: Listener
    member: Member
    actor: Actor | None = None
    is_dead: bool = False


class WorkerResources(Resources):
    """What the model's workers keep open: nothing that reaches a server."""

    def __init__(self, world: "World") -> None:
        super().__init__(config())
        self._world = world

    def reader(self, _stream: str) -> Any:
        return Reader(self._world.kafka, self._world.note_read)

    def producer(self) -> Any:
        return self._world.life().producer

    def archive(self) -> Any:
        return self

    def append(self, *given):
        crash_point("archive")
        return [Slice(1, 0, len(packet.value), 0) for packet in given[-1]]


class Clock:
    """Stands in for ``time`` in our modules; moves when it is told to, or slept on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """Everything that a story may touch."""

    def __init__(self, watch: "psycopg.Connection", packets: list[Record], figures: Counter[str]):
        self.watch = watch
        self.figures = figures
        self.clock = Clock()
        self.kafka = Kafka(self.clock.sleep)
        self.schedule = Schedule(watch)
        self.processes: dict[str, Process] = {}
        self.lives: dict[Actor, Life] = {}
        self.queue: list[Task] = []
        self.is_redis_away = False
        self.deaths: Counter[tuple[str, int, int]] = Counter()
        self.deadly: set[tuple[str, int, int]] = set()
        self.published: dict[str, list[Sent]] = {}
        self.topics_of: dict[str, set[str]] = {}
        self.troubles: list[str] = []
        self.commits: list[tuple[tuple[str, int], int]] = []
        self.claimed: dict[tuple[str, int, int], Life] = {}
        self.resources = WorkerResources(self)
        self._packets = iter(packets)
        self._moment = itertools.count(1)
        self._names = itertools.count(1)
        self._done_seen: set[int] = set()
        self._clean()
        self.kafka.make(TOPIC, PARTITIONS)

    def _clean(self) -> None:
        for table in TABLES:
            self.watch.execute(f"DELETE FROM {table}")

    # What our code calls.

    def life(self) -> Life:
        return self.lives[current()]

    def crash_here(self, actor: Actor, name: str) -> None:
        life = self.lives.get(actor)
        if life is not None and life.is_deadly and name == "after_read":
            actor.strike(Killed("a packet killed its process"))

    def note_read(self, held: dict[int, Record | None]) -> None:
        if any(record is not None and record.kind == "deadly" for record in held.values()):
            self.life().is_deadly = True

    def note_claim(self, *arguments: Any, **named: Any) -> claims.Claim | None:
        held = _CLAIM(*arguments, **named)
        life = self.life()
        life.held = held
        if held is not None:
            self.claimed[held.owner, held.attempts, held.first] = life
        return held

    def note_release(self, held: claims.Claim, error: Any, *, infrastructure: bool) -> None:
        if not infrastructure and not isinstance(error, SoftTimeLimitExceeded):
            self.troubles.append(f"unexpected {error!r} in {held}")
        _RELEASE(held, error, infrastructure=infrastructure)

    def note_message(self, life: Life, message: Any, *, is_acknowledged: bool) -> None:
        headers = {name: text.decode() for name, text in message.headers}
        identity, candid = headers["delivery_id"], headers["candid"]
        if message.topic != "babamul.none":
            self.topics_of.setdefault(candid, set()).add(message.topic)
            if len(self.topics_of[candid]) > 1:
                self.troubles.append(f"{candid} on {self.topics_of[candid]}")
        earlier = self.published.setdefault(identity, [])
        moment = next(self._moment)
        for sent in earlier:
            self._judge_repeat(candid, sent, life)
        self.figures["repeats"] += bool(earlier)
        self.figures["messages"] += 1
        earlier.append(Sent(life, moment, is_acknowledged))

    def _judge_repeat(self, candid: str, sent: Sent, life: Life) -> None:
        """A repeat is allowed when one of both lives was broken off, and neither had ended."""
        if sent.life is life:
            self.troubles.append(f"{candid} was sent twice by {life.task}")
            return
        marked = next((at for at in sent.life.commits if at > sent.at), None)
        if not sent.is_acknowledged or sent.life.is_hurt:
            marked = None  # its commit told of other messages, or gave the range back
        read = life.commits[-1]
        if marked is not None and marked < read:
            self.troubles.append(f"{candid} was marked by {sent.life.task}, sent by {life.task}")
        elif not sent.life.excuses | life.excuses:
            self.troubles.append(f"{candid}: {sent.life.task} and {life.task} without a fault")

    def enqueue(self, _task: str, _queue: str, *arguments: Any) -> bool:
        crash_point("enqueue")
        if not self.is_redis_away:
            self.queue.append(Task(f"task-{next(self._names)}", arguments))
        return not self.is_redis_away

    def note_commit(self, place: tuple[str, int], offset: int) -> None:
        self.commits.append((place, offset))

    # The log.

    def append(self, partition: int, kinds: str) -> None:
        log = self.kafka.log(TOPIC, partition)
        if log is None or log.resets > self._resets():
            return  # a log that grew again before anybody looked cannot be known for another
        for kind in kinds:
            log.records.append(self._record(kind, partition, log))
            self.figures["offsets"] += 1

    def forget_messages(self, partition: int, share: int) -> None:
        """Let retention overtake us, but only a group that has an offset to tell it by."""
        log = self.kafka.log(TOPIC, partition)
        if log is not None and (TOPIC, partition) in self.kafka.committed:
            log.low += (log.high - log.low) // share

    def delete_topic(self, *, forgets_offsets: bool) -> None:
        """Delete the topic; what nobody had seen of it is beyond our promises."""
        if TOPIC not in self.kafka.topics:
            return
        topic = self.kafka.topics[TOPIC]
        ends = self._known_ends(topic.id)
        for partition, log in enumerate(topic.logs):
            log.must = set(range(min(ends.get(partition, 0), log.high)))
        self.kafka.delete(TOPIC, forgets_offsets=forgets_offsets)
        self.figures["topics deleted"] += 1

    def make_topic(self, *, comes_again: bool) -> None:
        """Make the topic anew, empty or with the packets that the last one had."""
        if TOPIC in self.kafka.topics:
            return
        _, last = self.kafka.made[-1]
        self.kafka.make(TOPIC, PARTITIONS)
        if comes_again:
            for old, new in zip(last.logs, self.kafka.topics[TOPIC].logs, strict=True):
                new.records = [r for r in old.records if r is not None and r.kind == "good"]

    def shorten(self, partition: int, share: int) -> None:
        """Cut a log short, as an unclean election does, if somebody can know that it was longer."""
        log = self.kafka.log(TOPIC, partition)
        if log is None or log.resets > self._resets():
            return
        topic = self.kafka.topics[TOPIC]
        new_from = log.high - (log.high - log.low) // share
        end = min(self._known_ends(topic.id).get(partition, 0), log.high)
        if new_from >= end:
            return
        old = [Log(must=set()) for _ in topic.logs]
        old[partition] = Log(list(log.records), must=set(range(new_from, end)))
        self.kafka.made.append((TOPIC, Topic(topic.id, old)))
        del log.records[new_from:]
        log.low = min(log.low, new_from)
        log.new_from, log.resets = new_from, self._resets() + 1
        self.figures["logs shortened"] += 1

    def _resets(self) -> int:
        return self.watch.execute("SELECT coalesce(max(resets), 0) FROM sources").fetchone()[0]

    def _known_ends(self, topic_id: str) -> dict[int, int]:
        """Return how far Postgres has seen the topic's logs, by partition."""
        return dict(
            self.watch.execute(
                "SELECT p.partition, greatest(p.high_offset, max(r.last_offset) + 1)"
                " FROM stream_partitions AS p LEFT JOIN stream_ranges AS r"
                " ON r.topic = p.topic AND r.partition = p.partition AND r.replay_id = 0"
                " WHERE p.topic = %s AND p.topic_id = %s AND p.high_offset IS NOT NULL"
                " GROUP BY p.partition, p.high_offset",
                (TOPIC, topic_id),
            ).fetchall()
        )

    def _record(self, kind: str, partition: int, log: Log) -> Record | None:
        if kind == "gap":
            return None
        if kind == "bad":
            return Record(b"", None, "bad")
        earlier = [r for r in log.records if r is not None and r.kind == "good"]
        if kind == "copy" and earlier:
            return earlier[-1]
        found = next(self._packets, None)
        if found is None:
            return Record(b"", None, "bad")
        if kind == "deadly":
            self.deadly.add((TOPIC, partition, log.high))
            return found._replace(kind="deadly")
        return found

    # Listeners.

    def start_listener(self, slot: str) -> None:
        settings = ListenerSettings(
            stream=STREAM, task="alerts.process", queue="alerts",
            owner=f"{slot} {next(self._names)}", start="earliest", window=WINDOW,
            longest=LONGEST, tick_s=0.5, ring_after_s=30.0,
        )  # fmt: skip
        members: list[Member] = []

        def join(callbacks: Any) -> Member:
            members.append(Member(self.kafka, slot, callbacks, self.note_commit))
            return members[0]

        brakes = Brakes(STREAM, ROOT)
        listener = Listener(settings, join, Cluster(self.kafka), brakes, self.enqueue)
        self.processes[slot] = Process(slot, listener, members[0])

    def alive(self) -> list[Process]:
        return [self.processes[slot] for slot in sorted(self.processes)
                if not self.processes[slot].is_dead]  # fmt: skip

    def tick(self, process: Process, until: Any = None, blow: BaseException | None = None) -> None:
        """Let a listener do one tick, or the rest of the one that it is in."""
        if process.actor is None:
            process.actor = self._actor(f"listener {process.slot}", process.listener.tick)
        self._go(process.actor, until, blow)

    def stop_listener(self, process: Process) -> None:
        if process.actor is not None:
            self._go(process.actor)
        if process.is_dead:
            return
        listener = process.listener
        process.actor = self._actor(f"stop {process.slot}", lambda: listener.run(lambda: True))
        self._go(process.actor)
        process.is_dead = True

    def kill_listener(self, process: Process) -> None:
        if process.actor is not None:
            self._go(process.actor, blow=Killed())
        process.is_dead = True
        self.figures["kills"] += 1

    # Workers.

    def deliver(self, number: int, *, again: bool) -> None:
        """Let a worker take one task from Redis; ``again``: Redis will deliver it once more."""
        if not self.queue:
            return
        number %= len(self.queue)
        task = self.queue[number] if again else self.queue.pop(number)
        life = Life(task)
        life.producer = Producer(partial(self.note_message, life))
        actor = self._actor(task.id, lambda: _process(task))
        self.lives[actor] = life
        life.actor = actor
        self.figures["deliveries"] += 1

    def workers(self) -> list[Life]:
        return [life for actor, life in self.lives.items() if not actor.ended]

    def step(self, life: Life, until: Any = None, blow: BaseException | None = None) -> None:
        self._go(life.actor, until, blow)

    def may_fail(self, life: Life) -> bool:
        """Return whether one more failed attempt buries no innocent packet."""
        topic, partition, offsets = life.offsets()
        return life.is_counted or all(
            self.deaths[topic, partition, at] < DEATHS_BEFORE_BURIAL - 1
            for at in offsets
            if (topic, partition, at) not in self.deadly
        )

    def kill_worker(self, life: Life, *, is_freed: bool) -> None:
        if not self.may_fail(life):
            return
        life.excuses.add("killed")
        self.step(life, blow=Killed())
        if is_freed:
            self._free(life)

    def time_limit(self, life: Life) -> None:
        if not self.may_fail(life):
            return
        life.excuses.add("soft time limit")
        life.is_hurt = True
        self._count(life)
        self.step(life, lambda _: False, SoftTimeLimitExceeded())

    def shut_down(self, life: Life) -> None:
        life.excuses.add("shutdown")
        life.is_hurt = True
        self.step(life, lambda _: False, SystemExit(0))

    def fail(self, actor: Actor) -> None:
        """Let Postgres fail an actor's next statement."""
        life = self.lives.get(actor)
        if life is not None:
            life.excuses.add("outage")
            life.is_hurt = True
        self._go(actor, None, OperationalError("BEGIN", None, psycopg.OperationalError("away")))

    def delivery_trouble(self, life: Life, troubles: list[str]) -> None:
        """Let the next messages time out: not written, or written all the same."""
        if "written" in troubles:
            life.excuses.add("timed out")
        life.producer.troubles = troubles

    def _free(self, life: Life) -> None:
        """Do what the parent of a dead child does."""
        arguments = life.task.arguments
        actor = self._actor(
            "parent", lambda: claims.free_lost(life.task.id, arguments, "WorkerLostError")
        )
        self.schedule.finish(actor)
        self._bury_ended()

    # Time, Redis, Postgres.

    def pass_time(self, seconds: float) -> None:
        self.schedule.leave_transactions()
        self._bury_ended()
        self.clock.now += seconds
        self.watch.execute(
            "UPDATE stream_ranges SET ring_at = ring_at - make_interval(secs => %s),"
            " done_at = done_at - make_interval(secs => %s)",
            (seconds, seconds),
        )

    def end_lease(self, of: Life | None) -> None:
        """Let one lease end, or all of them: whoever holds it was frozen, or is dead."""
        self.schedule.leave_transactions()
        self._bury_ended()
        rows = self.watch.execute(
            "SELECT id, owner, attempts, first_offset, claimed_at < pg_postmaster_start_time()"
            " FROM stream_ranges WHERE state = 'running' AND lease_until > now() ORDER BY id"
        ).fetchall()
        for row, owner, attempts, first, is_excused in rows:
            life = self.claimed[owner, attempts, first]
            if of is not None and (life is not of or not (is_excused or self.may_fail(life))):
                continue
            life.excuses.add("frozen")
            if not is_excused:
                self._count(life)
            self.watch.execute(
                "UPDATE stream_ranges SET lease_until = now() - interval '1 s' WHERE id = %s",
                (row,),
            )
            self.figures["leases ended"] += 1

    def empty_bookkeeping(self) -> None:
        self.schedule.leave_transactions()
        self._bury_ended()
        if not all(self._is_known(partition) for partition in range(PARTITIONS)):
            self.kafka.committed.clear()  # by then Kafka has forgotten a deleted topic's offsets
        self.watch.execute("DELETE FROM stream_ranges")
        self.watch.execute("DELETE FROM stream_partitions")
        self.deaths.clear()
        self.claimed.clear()
        for life in self.workers():
            life.excuses.add("emptied")
        for _, topic in self.kafka.made:  # nobody knows any more how far a lost log reached
            for log in topic.logs:
                log.must = log.must and set()

    def restart_postgres(self) -> None:
        """Break every connection, and let all that was claimed or read lie before the start."""
        self.watch.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for life in self.workers():
            life.excuses.add("Postgres restarted")
            life.is_hurt = True
        self.schedule.leave_transactions()
        self._bury_ended()
        db.engine().dispose()
        self.watch.execute(
            "UPDATE stream_ranges SET claimed_at = pg_postmaster_start_time() - interval '1 s'"
            " WHERE state = 'running'"
        )
        for process in self.alive():
            for owned in process.listener._held.owned.values():
                earlier = owned.guard.server_start.replace(year=2000)
                owned.guard = owned.guard._replace(server_start=earlier)

    # Judgement.

    def check(self) -> None:
        """Raise if the tables or Kafka's offsets break a promise now."""
        rows = self.watch.execute(
            "SELECT id, topic, partition, replay_id, first_offset, last_offset, state, attempts,"
            " owner FROM stream_ranges ORDER BY topic, partition, replay_id, first_offset"
        ).fetchall()
        rows = [Row(*row) for row in rows]
        for before, after in itertools.pairwise(rows):
            if before.key == after.key and after.first <= before.last:
                raise Violation(f"{before} overlaps {after}")
        running = Counter(row.owner for row in rows if row.state == "running")
        if None in running or max(running.values(), default=0) > 1:
            raise Violation(f"owners of running ranges: {running}")
        for row in rows:
            failed = max(self.deaths[row.topic, row.partition, at] for at in row.offsets())
            if row.attempts > failed + (row.state != "queued"):
                raise Violation(f"{row}: only {failed} attempts have failed")
        done = [row for row in rows if row.state == "done" and row.id not in self._done_seen]
        if done or self.commits:
            self._check_done(done)

    def _check_done(self, done: "list[Row]") -> None:
        books = Books(self.watch)
        for row in done:
            self._done_seen.add(row.id)
            self._require(books, row.topic, row.partition, row.offsets(), "done")
        commits, self.commits = self.commits, []
        for (topic, partition), offset in commits:
            self._require(books, topic, partition, range(offset), "committed")
        for topic, partition, offset in books.died:
            if (topic, partition, offset) not in self.deadly:
                raise Violation(f"an innocent packet was buried: {topic}[{partition}] {offset}")

    def _require(
        self, books: "Books", topic: str, partition: int, offsets: range, what: str
    ) -> None:
        """Demand that all offsets are finished in one of the logs that the topic has had.

        But for the half minute in which nobody knows yet that it is another topic.
        """
        if not self._is_known(partition):
            return
        missing = [
            [
                at
                for at in offsets
                if at >= made.logs[partition].high
                or not books.has(made.id, partition, at, made.logs[partition])
            ]
            for name, made in self.kafka.made
            if name == topic
        ]
        if all(missing):
            raise Violation(f"{what} but not finished: {topic}[{partition}] {missing}")

    def _is_known(self, partition: int) -> bool:
        """Return whether Postgres knows the topic by the id that it has now, or knows nothing."""
        found = self.watch.execute(
            "SELECT topic_id FROM stream_partitions WHERE topic = %s AND partition = %s",
            (TOPIC, partition),
        ).fetchone()
        topic = self.kafka.topics.get(TOPIC)
        return found is None or topic is None or found[0] in {None, topic.id}

    def heal(self) -> None:
        """Mend everything, wake every frozen process, and wait until all is quiet."""
        self.is_redis_away = self.kafka.is_joining = False
        for life in self.workers():
            life.producer.troubles.clear()
            self.step(life)
        for slot, process in self.processes.items():
            if process.is_dead and process.member is self.kafka.members.get(slot):
                self.kafka.session_ends(slot)
        if not self.alive():
            self.start_listener("0")
        quiet = 0
        for _ in range(QUIET_ROUNDS):
            self.watch.execute("UPDATE streams SET stopped_at = NULL, reason = NULL")
            for process in self.alive():
                self.tick(process)
            quiet = quiet + 1 if self._is_quiet() else 0
            if quiet >= (4 if len(self.kafka.made) > 1 or not self.kafka.topics else 1):
                break  # a topic is looked for every 30 s, and missed when it is missing twice
            while self.queue:
                self.deliver(0, again=False)
                for life in self.workers():
                    self.step(life)
            self._publish_stranded()
            self.end_lease(None)  # a listener must free it: workers have had their turn
            self.pass_time(31.0)
            self.check()
        else:
            raise Violation(f"never quiet: {self.told()}")
        self.check()
        self._check_all()

    def _publish_stranded(self) -> None:
        """Do what beat asks for every minute, once every lease is over."""
        life = Life(Task("stranded", ()))
        producer = Producer(partial(self.note_message, life))
        actor = self._actor("stranded", lambda: stranded.publish_stranded(producer))
        self.lives[actor], life.actor = life, actor
        self.step(life)

    def _is_quiet(self) -> bool:
        left = self.watch.execute("SELECT count(*) FROM stream_ranges WHERE state <> 'done'")
        ends = {
            (name, number): log.high
            for name, topic in self.kafka.topics.items()
            for number, log in enumerate(topic.logs)
        }
        known = {at: self.kafka.committed.get(at, 0) for at in ends}
        return not left.fetchone()[0] and not self.queue and known == ends

    def _check_all(self) -> None:
        """Raise unless every packet is accounted for, and every alert published."""
        books = Books(self.watch)
        for name, topic in self.kafka.made:
            for partition, log in enumerate(topic.logs):
                for at in range(log.high) if log.must is None else sorted(log.must):
                    if not books.has(topic.id, partition, at, log):
                        what = log.records[at] and log.records[at][1:]
                        raise Violation(f"lost: {name} {topic.id}[{partition}] {at} {what}")
        waiting = self.watch.execute("SELECT candid FROM alerts WHERE pending <> 0").fetchall()
        if waiting:
            raise Violation(f"never published: {waiting}")
        wanted = self.watch.execute("SELECT candid FROM alerts WHERE outputs & 1 <> 0").fetchall()
        unsent = {str(candid) for (candid,) in wanted} ^ self.topics_of.keys()
        if unsent:
            raise Violation(f"published by one side only: {unsent}")
        counted = self.watch.execute(
            "SELECT o.id FROM objects AS o WHERE alert_count <>"
            " (SELECT count(*) FROM alerts AS a WHERE a.object_id = o.id)"
        ).fetchall()
        if counted:
            raise Violation(f"effects counted more than once: objects {counted}")

    def told(self) -> str:
        rows = self.watch.execute("SELECT * FROM stream_ranges").fetchall()
        owners = self.watch.execute("SELECT * FROM stream_partitions").fetchall()
        return f"{rows} {owners} {self.kafka.committed} {self.queue} {self.kafka.assigned}"

    def end(self) -> None:
        """End every thread; nothing is judged any more."""
        for actor in self.schedule.actors:
            if not actor.ended:
                self.schedule.finish(actor, Killed())

    def _actor(self, name: str, work: Any) -> Actor:
        return self.schedule.add(Actor(name, work, self.crash_here))

    def _go(self, actor: Actor, until: Any = None, blow: BaseException | None = None) -> None:
        self.figures["steps"] += 1
        if until is None:
            self.schedule.finish(actor, blow)
        elif actor.at is not None:
            self.schedule.move(actor, until, blow)
        self._bury_ended()

    def _bury_ended(self) -> None:
        ended = self.schedule.forget_ended()
        for process in self.processes.values():
            if process.actor in ended:
                self._judge_tick(process)
        for actor in ended:
            if (life := self.lives.pop(actor, None)) is not None:
                self._judge_life(life)
        if self.troubles:
            raise Violation("; ".join(self.troubles))

    def _judge_tick(self, process: Process) -> None:
        outcome, process.actor = process.actor.outcome, None
        if isinstance(outcome, Fenced | Killed):
            process.is_dead = True
        elif outcome is not None:
            raise Violation(f"listener {process.slot}: {outcome!r}") from outcome

    def _judge_life(self, life: Life) -> None:
        outcome = life.actor.outcome
        if isinstance(outcome, Killed):
            self.figures["kills"] += 1
            life.excuses.add("killed")
            if life.held is not None:
                self._count(life)
            if life.is_deadly:
                self._free(life)
        elif outcome is not None and not (
            life.is_hurt and isinstance(outcome, DBAPIError | SystemExit | SoftTimeLimitExceeded)
        ):
            raise Violation(f"{life.task}: {outcome!r}") from outcome

    def _count(self, life: Life) -> None:
        if life.is_counted:
            return
        life.is_counted = True
        topic, partition, offsets = life.offsets()
        for at in offsets:
            self.deaths[topic, partition, at] += 1


class Row(NamedTuple):
    """One range as it stands."""

    id: int
    topic: str
    partition: int
    replay_id: int
    first: int
    last: int
    state: str
    attempts: int
    owner: str | None

    @property
    def key(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.replay_id

    def offsets(self) -> range:
        return range(self.first, self.last + 1)


class Books:
    """What the tables say of each offset, by the id of its topic."""

    def __init__(self, watch: "psycopg.Connection") -> None:
        self._stored = set(
            watch.execute(
                "SELECT s.topic_id, source_partition, source_offset, candid"
                " FROM alerts AS a JOIN sources AS s ON s.id = a.source_id WHERE pending = 0"
                " UNION SELECT s.topic_id, d.source_partition, d.source_offset, candid"
                " FROM alert_duplicates AS d JOIN sources AS s ON s.id = d.source_id"
                " JOIN alerts AS a ON a.id = d.alert_id"
            ).fetchall()
        )
        letters = watch.execute(
            "SELECT s.topic_id, d.source_partition, d.source_offset, d.last_offset, d.reason,"
            " d.topic, s.resets FROM dead_letters AS d LEFT JOIN sources AS s ON s.id = d.source_id"
        ).fetchall()
        gaps = watch.execute(
            "SELECT s.topic_id, g.source_partition, g.first_offset, g.last_offset"
            " FROM stream_gaps AS g JOIN sources AS s ON s.id = g.source_id"
        ).fetchall()
        self._buried: dict[tuple[str, int, int], int] = {}
        for topic_id, partition, first, last, *_, resets in letters:
            for offset in range(first, last + 1):
                at = (topic_id, partition, offset)
                self._buried[at] = max(resets or 0, self._buried.get(at, 0))
        self._gaps = {(*at[:2], o) for at in gaps for o in range(at[2], at[3] + 1)}
        self.died = [(row[5], row[1], row[2]) for row in letters if row[4] == "worker_died"]

    def has(self, topic_id: str, partition: int, offset: int, log: Log) -> bool:
        """Return whether an offset of a log needs no more work."""
        at, record = (topic_id, partition, offset), log.records[offset]
        resets = log.resets if offset >= log.new_from else 0
        if self._buried.get(at, -1) >= resets or (None, partition, offset) in self._buried:
            return True
        if record is None:
            return at in self._gaps
        return (*at, record.candid) in self._stored


_CLAIM = claims.claim
_RELEASE = claims.release


def _process(task: Task) -> None:
    """Run the body of the real task under the id of its message."""
    tasks.process.push_request(id=task.id)
    try:
        tasks.process.run(*task.arguments)
    finally:
        tasks.process.pop_request()


_worlds: list[World] = []


def build_in(monkeypatch: Any) -> None:
    """Put crash points into our code, and the model's Kafka, clock and Redis around it."""
    real = failpoints.failpoint
    for module in [m for m in sys.modules.values() if getattr(m, "failpoint", None) is real]:
        monkeypatch.setattr(module, "failpoint", crash_point)
    monkeypatch.setattr(tasks, "claim", _claim)
    monkeypatch.setattr(tasks, "release", _release)
    monkeypatch.setattr(tasks, "resources", lambda: _worlds[-1].resources)
    for module in (claims, listeners):
        monkeypatch.setattr(module, "time", _Now())
    monkeypatch.setattr(stranded, "REST_S", 0)
    engine = db.engine()
    engine.pool._max_overflow = 30
    event.listen(engine, "begin", _begins)
    event.listen(engine, "commit", _commits)
    event.listen(engine, "rollback", _rolls_back)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))


def _claim(*arguments: Any, **named: Any) -> claims.Claim | None:
    return _worlds[-1].note_claim(*arguments, **named)


def _release(*arguments: Any, **named: Any) -> None:
    _worlds[-1].note_release(*arguments, **named)


class _Now:
    """The clock of the world that is being told."""

    def monotonic(self) -> float:
        return _worlds[-1].clock.monotonic()

    def sleep(self, seconds: float) -> None:
        _worlds[-1].clock.sleep(seconds)


def _begins(_: Any) -> None:
    if current() is not None:
        crash_point("begin")
        current().is_inside = True


def _commits(connection: Any) -> None:
    actor = current()
    if actor is None:
        return
    try:
        crash_point("commit")
    except BaseException:
        actor.is_inside = False
        connection.connection.dbapi_connection.rollback()  # as a server does with a lost client
        raise
    life = _worlds[-1].lives.get(actor)
    if life is not None:
        life.commits.append(next(_worlds[-1]._moment))
    actor.is_inside = False


def _rolls_back(_: Any) -> None:
    if current() is not None:
        current().is_inside = False
