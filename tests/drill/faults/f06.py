"""F6: listeners of one stream join and leave in a loop; one is frozen past its session and wakes.

Three slots share six partitions. A slot that is back within its session keeps its partitions, so
every other time it stays away for longer, and the others take them: two rebalances a time. While they come and go, no two live ranges may ever share an
offset; Postgres is asked ten times a second. No message comes twice: a listener publishes nothing,
and what it leaves unfinished is adopted, not cut again.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from confluent_kafka.admin import NewPartitions

from broker.kafka_connection import ANSWER_S, admin_client
from tests.drill import crew as crews
from tests.drill.record import Fault
from tests.drill.stage import Stage

PARTITIONS = 6
SLOTS = ("listen-ztf", "listen-ztf-1", "listen-ztf-2")
ROUNDS = 10
SHORT_ROUNDS = 2
PAUSE_S = 1.0
AWAY_S = 8.0
"""Longer than the session of the drill's listeners (6 s)."""
FROZEN_S = 15.0
LOOK_S = 0.1
TOOK = "listener.took"
_OVERLAPS = """
    SELECT a.topic, a.partition, a.first_offset, a.last_offset, b.first_offset, b.last_offset
    FROM stream_ranges AS a
    JOIN stream_ranges AS b ON (a.stream, a.topic, a.partition) = (b.stream, b.topic, b.partition)
        AND a.first_offset < b.first_offset AND b.first_offset <= a.last_offset
    WHERE a.replay_id = 0 AND b.replay_id = 0
"""


def run(stage: Stage) -> None:
    """Let slots come and go, then freeze one for longer than its session."""
    stage.cast |= {slot: crews.listener("ztf", number) for number, slot in enumerate(SLOTS)}
    _join_and_leave(stage)
    if not stage.is_short:
        _freeze(stage)


def _join_and_leave(stage: Stage) -> None:
    _widen(stage)
    with stage.case("join and leave in a loop") as case, _watched(stage):
        moved = 0
        with case.fault():
            for turn in range(SHORT_ROUNDS if stage.is_short else ROUNDS):
                slot = stage.crew.draw.choice(SLOTS)
                if turn % 2:
                    stage.crew.kill(slot)
                    time.sleep(PAUSE_S)
                else:
                    moved += _stay_away(stage, slot)
        case.outcome.note = f"{moved} partitions changed hands while a slot was away"
        assert moved > 0, "nobody took the partitions of a slot that was away"


def _stay_away(stage: Stage, slot: str) -> int:
    """Let a slot leave past its session and come back; return how many partitions others took."""
    others = [other for other in SLOTS if other != slot]
    before = _taken(stage, others)
    stage.crew.stop(slot)
    time.sleep(AWAY_S)
    moved = _taken(stage, others) - before
    stage.crew.want(slot, crews.listener("ztf", SLOTS.index(slot)))
    time.sleep(PAUSE_S)
    return moved


def _freeze(stage: Stage) -> None:
    _widen(stage)
    with stage.case("one frozen for 15 s, then woken") as case, _watched(stage):
        taken = _taken(stage, SLOTS[1:])
        with case.fault():
            stage.crew.freeze(SLOTS[0])
            time.sleep(FROZEN_S)
            stage.crew.thaw(SLOTS[0])
        assert _taken(stage, SLOTS[1:]) > taken, "nobody took the frozen slot's partitions"


def _taken(stage: Stage, slots: Iterable[str]) -> int:
    """Return how many partitions these slots have ever taken."""
    return sum(stage.crew.log(slot).count(TOOK) for slot in slots)


def _widen(stage: Stage) -> None:
    """Give the topic its partitions before the slots share them."""
    topic = stage.books.topics["ztf"]
    admin = admin_client()  # what it was asked dies with it
    if len(admin.list_topics(topic, ANSWER_S).topics[topic].partitions) < PARTITIONS:
        admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result(ANSWER_S)


@contextmanager
def _watched(stage: Stage) -> Iterator[None]:
    """Look for live ranges that share offsets as long as the body runs.

    Raises
    ------
    AssertionError
        Naming the ranges, or if nothing was looked at.
    """
    overlaps: list[tuple[object, ...]] = []
    looks = 0
    is_over = threading.Event()

    def look() -> None:
        nonlocal looks
        url = stage.system.environment["NIGHTJAR_POSTGRES__URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.wait(LOOK_S):
                overlaps.extend(connection.execute(_OVERLAPS).fetchall())
                looks += 1

    watch = threading.Thread(target=look, name="overlaps", daemon=True)
    watch.start()
    try:
        yield
    finally:
        is_over.set()
        watch.join()
    assert looks > 0, "nobody looked"
    assert overlaps == [], f"live ranges share offsets: {overlaps[:3]}"


FAULT = Fault("F6", "three listeners join, leave, freeze", run, is_short=True)
