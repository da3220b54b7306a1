"""The range protocol as a state machine: our code on real Postgres, stopped and killed anywhere.

Listeners and workers run the code that they run in earnest, one at a time, from crash point to
crash point; Kafka, Redis and the clock are models. The long form, for a run by hand:
``pytest -n0 -s --hypothesis-profile=long tests/integration/test_range_machine.py``.
"""

import sys
from collections import Counter

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.range_machine import seams
from tests.integration.range_machine.feed import PARTITIONS, good_packets
from tests.integration.range_machine.world import World

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SHORT = settings(
    max_examples=12,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
KINDS = ["good"] * 12 + ["gap", "gap", "bad", "copy", "deadly"]
WORKER_POINTS = (
    "begin", "commit", "after_claim", "read", "after_read", "after_archive", "after_store",
    "send", "sent", "sent", "after_ack", "after_ack", "before_done", "before_done",
)  # fmt: skip
LISTENER_POINTS = (
    "begin", "commit", "kafka", "enqueue", "after_insert", "before_commit", "after_commit",
)  # fmt: skip
SLOTS = ("0", "1", "2")
MOST_WORKERS = 5

GROUP_EVENTS = ("start", "session ends", "spread", "joining", "kill", "stop")
WORKER_EVENTS = (
    "kill", "kill, parent lives", "soft time limit", "shutdown", "Postgres fails", "lease ends",
)  # fmt: skip
DISASTERS = (
    "Redis emptied", "Redis goes or comes", "bookkeeping emptied", "Postgres restarted",
    "retention", "topic deleted", "topic deleted, offsets kept", "topic made", "packets come again",
    "log shortened",
)  # fmt: skip

number = st.integers(0, 11)
partitions = st.integers(0, PARTITIONS - 1)
times = st.sampled_from([1, 1, 1, 2, 3, 5])
troubles = st.lists(st.sampled_from(["", "", "lost", "written"]), max_size=3)
figures: Counter[str] = Counter()


def reach(point, times):
    """Return what is true at the ``times``-th crash point of that name."""
    left = [times]

    def is_reached(name):
        left[0] -= name == point
        return left[0] <= 0

    return is_reached


def tell():
    """Print what the stories have done so far."""
    said = ", ".join(f"{count} {name}" for name, count in sorted(figures.items()))
    print(f"\n{said}", flush=True)


class RangeMachine(RuleBasedStateMachine):
    """Stories of a stream; every rule is something that happens to a deployed Nightjar."""

    watch: psycopg.Connection
    packets: list

    def __init__(self):
        super().__init__()
        self.world = World(self.watch, self.packets, figures)
        seams.play(self.world)

    def listener(self, at):
        alive = self.world.crew.alive()
        return alive[at % len(alive)]

    def worker(self, at):
        workers = self.world.crew.workers()
        return workers[at % len(workers)]

    def has_listener(self):
        return bool(self.world.crew.alive())

    def has_worker(self):
        return bool(self.world.crew.workers())

    def has_task(self):
        return bool(self.world.crew.queue) and len(self.world.crew.workers()) < MOST_WORKERS

    @initialize(partition=partitions)
    def begin(self, partition):
        self.world.crew.start_listener("0")
        self.world.feed.append(partition, ["good"] * 5)

    @rule(
        partition=partitions,
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=9),
    )
    def packets_come(self, partition, kinds):
        self.world.feed.append(partition, kinds)

    @precondition(has_listener)
    @rule(at=number, seconds=st.sampled_from([0.0, 1.1, 11.0, 31.0]))
    def a_listener_ticks(self, at, seconds):
        self.world.clock.now += seconds
        self.world.crew.tick(self.listener(at))

    @precondition(has_listener)
    @rule(
        at=number, seconds=st.sampled_from([0.0, 1.1, 31.0]),
        point=st.sampled_from(LISTENER_POINTS), times=st.integers(1, 4),
    )  # fmt: skip
    def a_listener_gets_stuck(self, at, seconds, point, times):
        self.world.clock.now += seconds
        self.world.crew.tick(self.listener(at), reach(point, times))

    @rule(slot=st.sampled_from(SLOTS), event=st.sampled_from(GROUP_EVENTS), at=number)
    def the_group_changes(self, slot, event, at):
        world = self.world
        if event == "start":
            world.crew.start_listener(slot)
        elif event == "session ends" and slot in world.kafka.members:
            world.kafka.session_ends(slot)
        elif event == "spread":
            world.kafka.rebalance(at)
        elif event == "joining":
            world.kafka.is_joining = not world.kafka.is_joining
        elif event == "kill" and world.crew.alive():
            world.crew.kill_listener(self.listener(at))
        elif event == "stop" and world.crew.alive():
            world.crew.stop_listener(self.listener(at))

    @rule(rounds=st.integers(1, 3))
    def all_goes_well_for_a_while(self, rounds):
        for _ in range(rounds):
            self.world.clock.now += 1.1
            for process in self.world.crew.alive():
                self.world.crew.tick(process)
            for _ in range(min(3, len(self.world.crew.queue))):
                self.world.crew.deliver(0, again=False)
                self.world.crew.step(self.world.crew.workers()[-1])

    @precondition(has_task)
    @rule(at=number, again=st.sampled_from([False, False, False, True]))
    def a_worker_does_a_task(self, at, again):
        self.world.crew.deliver(at, again=again)
        self.world.crew.step(self.world.crew.workers()[-1])

    @precondition(has_task)
    @rule(
        at=number, again=st.sampled_from([False, False, True]),
        point=st.sampled_from(WORKER_POINTS), times=times,
        event=st.sampled_from(["", "", *WORKER_EVENTS]), troubles=troubles,
    )  # fmt: skip
    def a_worker_gets_stuck(self, at, again, point, times, event, troubles):
        world = self.world
        world.crew.deliver(at, again=again)
        life = world.crew.workers()[-1]
        world.crew.delivery_trouble(life, troubles)
        world.crew.step(life, reach(point, times))
        if not life.actor.ended:
            self.strike(life, event)

    @precondition(has_worker)
    @rule(at=number, point=st.sampled_from(WORKER_POINTS), times=times)
    def a_worker_goes_on(self, at, point, times):
        self.world.crew.step(self.worker(at), reach(point, times))

    @precondition(has_worker)
    @rule(at=number)
    def a_worker_ends(self, at):
        self.world.crew.step(self.worker(at))

    @precondition(has_worker)
    @rule(at=number, event=st.sampled_from(WORKER_EVENTS))
    def a_worker_is_struck(self, at, event):
        self.strike(self.worker(at), event)

    def strike(self, life, event):
        world = self.world
        if event == "kill":
            world.crew.kill_worker(life, is_freed=False)
        elif event == "kill, parent lives":
            world.crew.kill_worker(life, is_freed=True)
        elif event == "soft time limit":
            world.crew.time_limit(life)
        elif event == "shutdown":
            world.crew.shut_down(life)
        elif event == "Postgres fails":
            world.crew.fail(life.actor)
        elif event == "lease ends":
            world.end_lease(life)

    @rule(seconds=st.sampled_from([2.0, 31.0, 31.0, 2 * 86_400.0]))
    def time_passes(self, seconds):
        self.world.pass_time(seconds)

    @rule(event=st.sampled_from(DISASTERS), partition=partitions, share=st.integers(1, 4))
    def disaster_strikes(self, event, partition, share):
        world = self.world
        if event == "Redis emptied":
            world.crew.queue.clear()
        elif event == "Redis goes or comes":
            world.crew.is_redis_away = not world.crew.is_redis_away
        elif event == "bookkeeping emptied":
            world.empty_bookkeeping()
        elif event == "Postgres restarted":
            world.restart_postgres()
        elif event == "retention":
            world.feed.forget_messages(partition, share)
        elif event.startswith("topic deleted"):
            world.feed.delete_topic(forgets_offsets=event == "topic deleted")
        elif event in {"topic made", "packets come again"}:
            world.feed.make_topic(comes_again=event == "packets come again")
        elif event == "log shortened":
            world.feed.shorten(partition, share)

    @invariant()
    def promises_hold(self):
        self.world.check()

    def teardown(self):
        figures["stories"] += 1
        try:
            if sys.exc_info()[0] is None:  # else the story is over
                self.world.heal()
        finally:
            self.world.end()
            if figures["stories"] % 25 == 0:
                tell()


DEATHS = 4


@pytest.fixture
def watch(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def machine(watch, monkeypatch):
    configuration = structlog.get_config()
    seams.build_in(monkeypatch)
    RangeMachine.watch = watch
    RangeMachine.packets = good_packets()
    yield RangeMachine
    structlog.configure(**configuration)


def test_no_story_breaks_a_promise(machine):
    is_short = settings.get_current_profile_name() != "long"
    try:
        run_state_machine_as_test(machine, settings=SHORT if is_short else settings())
    finally:
        tell()


@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("point", ["begin", "commit"])
def test_whoever_is_lost_while_burying_is_followed_by_one_that_buries(machine, point, is_killed):
    world = World(machine.watch, machine.packets, figures)
    seams.play(world)
    crew = world.crew
    crew.start_listener("0")
    world.feed.append(0, ["deadly"])
    try:
        for _ in range(DEATHS):
            _rung(world)
            crew.deliver(0, again=False)
            crew.step(crew.workers()[-1])
        _rung(world)
        crew.deliver(0, again=False)
        life = crew.workers()[-1]
        crew.step(life, reach(point, 2))  # the first is the claim's

        assert not life.actor.ended
        if is_killed:
            crew.kill_worker(life, is_freed=False)
        world.end_lease(None)
        world.heal()
    finally:
        world.end()

    found = world.watch.execute("SELECT reason FROM dead_letters").fetchall()
    assert found == [("worker_died",)]


def _rung(world):
    """Let listeners tick until there is a bell."""
    for _ in range(5):
        for process in world.crew.alive():
            world.crew.tick(process)
        if world.crew.queue:
            return
        world.pass_time(31.0)
