"""The model's listeners and workers: they run our code, and are stopped, killed and struck."""

import itertools
from collections import Counter
from functools import partial
from typing import Any

import psycopg
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import DBAPIError, OperationalError

from broker.config import ROOT
from broker.kafka import Fenced
from broker.ranges import claim as claims
from broker.ranges.brakes import Brakes
from broker.ranges.listener import Listener, ListenerSettings
from pipeline.alerts import stranded
from tests.integration.range_machine.actors import Actor, Killed, Schedule, crash_point, current
from tests.integration.range_machine.feed import Feed
from tests.integration.range_machine.kafka import Cluster, Kafka, Member, Producer, Record
from tests.integration.range_machine.lives import BrokenPromiseError, Life, Process, Task
from tests.integration.range_machine.messages import Messages
from tests.integration.range_machine.promises import Promises
from tests.integration.range_machine.tasks import WorkerResources, run_task

STREAM = "ztf"
LONGEST = 4
WINDOW = 5
DEATHS_BEFORE_BURIAL = 4


class Crew:
    """Listeners and workers that run our code, and what the model knows of them.

    Attributes
    ----------
    processes : dict
        Listeners by their slot.
    lives : dict
        Deliveries that have not ended, by their actors.
    queue : list of Task
        Bells in Redis.
    claimed : dict
        Deliveries by the owner, the attempt and the first offset that they claimed.
    """

    def __init__(
        self,
        schedule: Schedule,
        kafka: Kafka,
        feed: Feed,
        promises: Promises,
        messages: Messages,
        figures: Counter[str],
    ) -> None:
        self.kafka = kafka
        self.processes: dict[str, Process] = {}
        self.lives: dict[Actor, Life] = {}
        self.queue: list[Task] = []
        self.is_redis_away = False
        self.claimed: dict[tuple[str, int, int], Life] = {}
        self.resources = WorkerResources(kafka, self.note_read, self.life)
        self._schedule = schedule
        self._feed = feed
        self._promises = promises
        self._messages = messages
        self._figures = figures
        self._names = itertools.count(1)

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
        held = claims.claim(*arguments, **named)
        life = self.life()
        life.held = held
        if held is not None:
            self._note_held(held)
        return held

    def note_burial(self, bury: Any, held: claims.Claim, *arguments: Any) -> None:
        """Note a claim that leads to a burial: whoever dies in between still has the row."""
        self.life().held = held
        self._note_held(held)
        bury(held, *arguments)

    def _note_held(self, held: claims.Claim) -> None:
        self.claimed[held.owner, held.attempts, held.first] = self.life()

    def note_release(self, held: claims.Claim, error: Any, *, infrastructure: bool) -> None:
        if not infrastructure and not isinstance(error, SoftTimeLimitExceeded):
            self._messages.troubles.append(f"unexpected {error!r} in {held}")
        claims.release(held, error, infrastructure=infrastructure)

    def note_transaction(self, actor: Actor) -> None:
        """Remember the moment of a commit."""
        if (life := self.lives.get(actor)) is not None:
            life.commits.append(next(self._messages.moments))

    def enqueue(self, _task: str, _queue: str, *arguments: Any) -> bool:
        crash_point("enqueue")
        if not self.is_redis_away:
            self.queue.append(Task(f"task-{next(self._names)}", arguments))
        return not self.is_redis_away

    # Listeners.

    def start_listener(self, slot: str) -> None:
        settings = ListenerSettings(
            stream=STREAM, task="alerts.process", queue="alerts",
            owner=f"{slot} {next(self._names)}", start="earliest", window=WINDOW,
            longest=LONGEST, tick_s=0.5, ring_after_s=30.0,
        )  # fmt: skip
        members: list[Member] = []

        def join(callbacks: Any) -> Member:
            members.append(Member(self.kafka, slot, callbacks, self._promises.note_commit))
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
        self._figures["kills"] += 1

    # Workers.

    def deliver(self, number: int, *, again: bool) -> None:
        """Let a worker take one task from Redis; ``again``: Redis will deliver it once more."""
        if not self.queue:
            return
        number %= len(self.queue)
        task = self.queue[number] if again else self.queue.pop(number)
        life = Life(task)
        life.producer = Producer(partial(self._messages.note, life))
        actor = self._actor(task.id, lambda: run_task(task))
        self.lives[actor] = life
        life.actor = actor
        self._figures["deliveries"] += 1

    def publish_stranded(self) -> None:
        """Do what beat asks for every minute, once every lease is over."""
        life = Life(Task("stranded", ()))
        producer = Producer(partial(self._messages.note, life))
        actor = self._actor("stranded", lambda: stranded.publish_stranded(producer))
        self.lives[actor], life.actor = life, actor
        self.step(life)

    def workers(self) -> list[Life]:
        return [life for actor, life in self.lives.items() if not actor.ended]

    def step(self, life: Life, until: Any = None, blow: BaseException | None = None) -> None:
        self._go(life.actor, until, blow)

    def may_fail(self, life: Life) -> bool:
        """Return whether one more failed attempt buries no innocent packet."""
        topic, partition, offsets = life.offsets()
        return life.is_counted or all(
            self._promises.deaths[topic, partition, at] < DEATHS_BEFORE_BURIAL - 1
            for at in offsets
            if (topic, partition, at) not in self._feed.deadly
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
        self.count_failure(life)
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
        self._schedule.finish(actor)
        self.bury_ended()

    # Ends.

    def _actor(self, name: str, work: Any) -> Actor:
        return self._schedule.add(Actor(name, work, self.crash_here))

    def _go(self, actor: Actor, until: Any = None, blow: BaseException | None = None) -> None:
        self._figures["steps"] += 1
        if until is None:
            self._schedule.finish(actor, blow)
        elif actor.at is not None:
            self._schedule.move(actor, until, blow)
        self.bury_ended()

    def bury_ended(self) -> None:
        ended = self._schedule.forget_ended()
        for process in self.processes.values():
            if process.actor in ended:
                self._judge_tick(process)
        for actor in ended:
            if (life := self.lives.pop(actor, None)) is not None:
                self._judge_life(life)
        if self._messages.troubles:
            raise BrokenPromiseError("; ".join(self._messages.troubles))

    def _judge_tick(self, process: Process) -> None:
        outcome, process.actor = process.actor.outcome, None
        if isinstance(outcome, Fenced | Killed):
            process.is_dead = True
        elif outcome is not None:
            raise BrokenPromiseError(f"listener {process.slot}: {outcome!r}") from outcome

    def _judge_life(self, life: Life) -> None:
        outcome = life.actor.outcome
        if isinstance(outcome, Killed):
            self._figures["kills"] += 1
            life.excuses.add("killed")
            if life.held is not None:
                self.count_failure(life)
            if life.is_deadly:
                self._free(life)
        elif outcome is not None and not (
            life.is_hurt and isinstance(outcome, DBAPIError | SystemExit | SoftTimeLimitExceeded)
        ):
            raise BrokenPromiseError(f"{life.task}: {outcome!r}") from outcome

    def count_failure(self, life: Life) -> None:
        if life.is_counted:
            return
        life.is_counted = True
        topic, partition, offsets = life.offsets()
        for at in offsets:
            self._promises.deaths[topic, partition, at] += 1
