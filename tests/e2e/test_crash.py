"""Processes of ours killed in mid-range: every alert once in Postgres, and on its topic."""

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from redis import Redis

from broker.config import config
from broker.kafka_types import Message
from pipeline import topics
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.simulate.single import JD_UTC, LSST_OBJECT
from tests.e2e import system as systems
from tests.e2e.system import STOP_WITHIN_S, System

pytestmark = [pytest.mark.slow]

REDIS_DATABASE = 8
PATIENCE_S = 90.0
OUTPUTS = [output.name for output in topics.OUTPUTS]
FAR = [(10.0, -85.0, 0.9, 18.0)]
PER_OBJECT = 4
ALERTS_PER_TASK = 20
WORKER_PROCESSES = 2
MESSAGES_PER_ALERT = 2
FIRST_CANDID = 3_100_000_000_000_000_000
FIRST_DIA_SOURCE = 1 << 57
NO_DUPLICATES = ["after_claim", "after_read", "after_archive", "after_store"]
DUPLICATES = ["after_ack", "before_done"]
SEED = 496

Outcome = Counter[tuple[str, str, str]]


@pytest.fixture
def quick(system: System) -> System:
    """A system that notices within seconds what it may take a minute and a half to notice."""
    redis_url = f"{config().redis.url.get_secret_value().rpartition('/')[0]}/{REDIS_DATABASE}"
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    system.environment = {
        **system.environment,
        "NIGHTJAR_REDIS__URL": redis_url,
        "NIGHTJAR_RANGES__ALERTS_PER_TASK": str(ALERTS_PER_TASK),
        "NIGHTJAR_RANGES__LEASE_S": "15",
        "NIGHTJAR_RANGES__RING_AFTER_S": "3",
        "NIGHTJAR_RANGES__SESSION_TIMEOUT_MS": "6000",
    }
    return system


def ztf_packets(count: int) -> list[bytes]:
    """Return packets of objects that are seen a few times each, without cutouts: small."""
    return [
        make_ztf_packet(
            object_id=f"ZTF26{letters(number // PER_OBJECT)}",
            candid=FIRST_CANDID + number,
            jd=JD_UTC + 0.01 * (number % PER_OBJECT),
            **place(number),
            has_cutouts=False,
        )
        for number in range(count)
    ]


def lsst_packets(count: int) -> list[bytes]:
    """Return packets of the same objects as the other survey sees them."""
    return [
        make_lsst_packet(
            diaSourceId=FIRST_DIA_SOURCE + number,
            diaObjectId=LSST_OBJECT + number // PER_OBJECT,
            jd=JD_UTC + 0.01 * (number % PER_OBJECT),
            **place(number),
            has_cutouts=False,
        )
        for number in range(count)
    ]


def place(number: int) -> dict[str, float]:
    return {"ra": 150.0 + 0.01 * (number // PER_OBJECT), "dec": 30.0}


def letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:07d}")


def on(topic: str, values: list[bytes]) -> list[Message]:
    return [Message(topic, None, value, []) for value in values]


def wait(is_so: Callable[[], object], what: str, system: System) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up_at, f"{what} never came; {system._why(0)}"
        time.sleep(0.05)


def log(system: System, name: str) -> str:
    path = system.logs / f"{name}.log"
    return path.read_text() if path.exists() else ""


def is_working(system: System) -> bool:
    """Return whether a worker, and a living one, is at a range now."""
    return bool(
        system.sql(
            "SELECT 1 FROM stream_ranges WHERE state = 'running'"
            " AND claimed_at > now() - interval '0.5 s' LIMIT 1"
        )
    )


def decided(system: System) -> Outcome:
    """Return the messages that the stored decisions ask for."""
    rows = system.sql("SELECT survey, candid::text, output_topic, outputs FROM alerts")
    bits = ((1, None), (2, topics.NONE_TOPIC))
    return Counter(
        (survey, candid, topic or class_topic)
        for survey, candid, class_topic, outputs in rows
        for bit, topic in bits
        if outputs & bit
    )


def as_sent(message: systems.Published) -> tuple[str, str, str]:
    return message.headers["survey"], message.headers["candid"], message.topic


def repeated(system: System, ends: dict[tuple[str, int], int], candids: set[int]) -> int:
    """Check the end of a story in which nothing may be lost; return how many messages came twice.

    Every alert stands once in Postgres and at least once on the topics that were decided for it;
    copies carry one delivery id, and different messages different ones.
    """
    stored = Counter(candid for (candid,) in system.sql("SELECT candid FROM alerts"))
    assert stored == Counter(candids)
    assert system.sql("SELECT 1 FROM dead_letters") == []
    assert system.sql("SELECT 1 FROM alert_duplicates") == []
    came = systems.consume(OUTPUTS, ends)
    messages = [message for message in came if int(message.headers["candid"]) in candids]
    sent = Counter(map(as_sent, messages))
    assert set(sent) ^ set(decided(system)) == set()
    pairs = {(as_sent(message), message.headers["delivery_id"]) for message in messages}
    assert len(pairs) == len(sent) == len({delivery_id for _, delivery_id in pairs})
    return len(messages) - len(sent)


def finish_after_deaths(
    system: System, failpoints: list[str], values: list[bytes], topic: str
) -> dict[str, Any]:
    """Let one worker die at each named place, and another finish without anybody's help."""
    system.start_listeners("ztf")
    for failpoint in failpoints:
        system.start_worker(failpoint, concurrency=1, NIGHTJAR_TESTING__FAILPOINT=failpoint)
    for failpoint in failpoints:
        wait(lambda name=failpoint: "ready." in log(system, name), "a worker", system)
    system.send(on(topic, values))
    for failpoint in failpoints:
        wait(lambda name=failpoint: "worker.lost" in log(system, name), "its death", system)
    for failpoint in failpoints:
        system.kill(failpoint)
    system.start_worker("heir")
    return system.wait_until_accounted(len(values))


def test_workers_killed_before_the_acknowledgment_repeat_nothing(
    quick: System, make_input: Callable[..., str], output_ends: dict[tuple[str, int], int]
):
    books = finish_after_deaths(quick, NO_DUPLICATES, ztf_packets(160), make_input("ztf"))

    assert books["unaccounted"] == 0
    assert repeated(quick, output_ends, candids(160)) == 0


def test_workers_killed_after_the_acknowledgment_repeat_their_ranges_alone(
    quick: System,
    make_input: Callable[..., str],
    output_ends: dict[tuple[str, int], int],
    record_property: Callable[..., None],
):
    books = finish_after_deaths(quick, DUPLICATES, ztf_packets(160), make_input("ztf"))

    again = repeated(quick, output_ends, candids(160))
    record_property("repeated", again)
    deaths = sum(log(quick, failpoint).count("worker.lost") for failpoint in DUPLICATES)
    assert books["unaccounted"] == 0
    assert MESSAGES_PER_ALERT * len(DUPLICATES) <= again
    under_way = len(DUPLICATES)  # an orphan dies once more, and nobody writes it down
    assert again <= (deaths + under_way) * ALERTS_PER_TASK * MESSAGES_PER_ALERT


def candids(ztf: int, lsst: int = 0) -> set[int]:
    return {FIRST_CANDID + n for n in range(ztf)} | {FIRST_DIA_SOURCE + n for n in range(lsst)}


class Vandal:
    """Kills processes of a system, and starts again what a supervisor would."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._draw = random.Random(SEED)
        self._generation = 0
        self.worker = ""
        self.killed: Counter[str] = Counter()

    def start_worker(self) -> None:
        self._generation += 1
        self.worker = f"worker-{self._generation}"
        self._system.start_worker(self.worker, WORKER_PROCESSES)

    def wait_for_work(self) -> None:
        """Wait until alerts have come since the last kill, and a range is in work."""
        before = self._stored()
        wait(lambda: self._stored() > before and is_working(self._system), "work", self._system)

    def _stored(self) -> int:
        self._supervise()
        count: int = self._system.sql("SELECT count(*) FROM alerts")[0][0]
        return count

    def _supervise(self) -> None:
        """Start the worker again if it ended: Celery's does when a child dies as it begins."""
        if self._system.processes[self.worker].poll() is not None:
            self.killed["parent, by its child"] += 1
            self.start_worker()

    def child(self) -> None:
        """Kill a child; its parent forks another."""
        parent = psutil.Process(self._system.processes[self.worker].pid)
        wait(parent.children, "a child", self._system)
        self._draw.choice(parent.children()).kill()
        self.killed["child"] += 1

    def parent(self) -> None:
        self._system.kill(self.worker)
        self.killed["parent"] += 1
        self.start_worker()

    def listener(self, stream: str) -> None:
        self._system.kill(f"listen-{stream}")
        self.killed["listener"] += 1
        self._system.start_listeners(stream)


def test_random_kills_under_load_lose_nothing(
    quick: System,
    make_input: Callable[..., str],
    load_lspsc: Callable[..., None],
    output_ends: dict[tuple[str, int], int],
    record_property: Callable[..., None],
):
    load_lspsc(FAR)
    sent = on(make_input("ztf"), ztf_packets(1500)) + on(make_input("lsst"), lsst_packets(500))
    random.Random(SEED).shuffle(sent)
    quick.start_listeners("ztf", "lsst")
    vandal = Vandal(quick)
    vandal.start_worker()
    acts = [vandal.child, vandal.child, vandal.parent, lambda: vandal.listener("ztf")]
    acts += [vandal.child, vandal.child, vandal.parent, lambda: vandal.listener("lsst")]
    acts += [vandal.child, vandal.child]

    size = len(sent) // len(acts)
    for at, act in enumerate(acts):
        quick.send(sent[at * size : (at + 1) * size])
        vandal.wait_for_work()
        act()
    books = quick.wait_until_accounted(len(sent))

    assert vandal.killed.items() >= {"child": 6, "parent": 2, "listener": 2}.items()
    assert books["unaccounted"] == 0
    again = repeated(quick, output_ends, candids(1500, 500))
    record_property("killed", dict(vandal.killed))
    record_property("repeated", again)
    struck = vandal.killed.total() * WORKER_PROCESSES * ALERTS_PER_TASK
    assert again <= struck * MESSAGES_PER_ALERT


def test_one_task_per_alert(
    quick: System, make_input: Callable[..., str], output_ends: dict[tuple[str, int], int]
):
    quick.environment = {**quick.environment, "NIGHTJAR_RANGES__ALERTS_PER_TASK": "1"}
    topic = make_input("ztf")
    quick.start_listeners("ztf")
    quick.start_worker()
    quick.send(on(topic, ztf_packets(60)))

    quick.wait_until_accounted(60)

    ranges = quick.sql("SELECT last_offset - first_offset + 1, read_count FROM stream_ranges")
    assert ranges == [(1, 1)] * 60
    assert repeated(quick, output_ends, candids(60)) == 0


def test_a_worker_that_is_told_to_stop_loses_and_repeats_nothing(
    quick: System, make_input: Callable[..., str], output_ends: dict[tuple[str, int], int]
):
    topic = make_input("ztf")
    quick.start_listeners("ztf")
    quick.start_worker("first")
    quick.send(on(topic, ztf_packets(400)))
    wait(lambda: is_working(quick), "a range in work", quick)
    first = quick.processes.pop("first")

    first.terminate()
    first.wait(STOP_WITHIN_S)
    left_over = quick.sql("SELECT count(*) FROM stream_ranges WHERE state = 'running'")[0][0]
    quick.start_worker("second")
    quick.wait_until_accounted(400)

    assert left_over == 0
    assert repeated(quick, output_ends, candids(400)) == 0
