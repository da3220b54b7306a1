"""One run: packets to a topic, untimed; then from there to rows and files, against the clock."""

import json
import resource
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

BATCH = 200
KIBIBYTE, MEGABYTE = 1024, 1e6


@dataclass(frozen=True)
class Profile:
    """Sizes of one form of the benchmark.

    Attributes
    ----------
    alerts : int
        Messages, each with three cutouts.
    goal_s : float or None
        Longest time from the first to the last file [s]; None: not judged.
    """

    name: str
    alerts: int
    goal_s: float | None = None


PROFILES = {one.name: one for one in (Profile("smoke", 60), Profile("default", 10_000, 60.0))}


@dataclass
class Figures:
    """What one run took.

    Attributes
    ----------
    took_s : float
        From the start of ``collect`` to its end: joining, rows, files [s].
    cpu_s : float
        Of this process, its threads included [s].
    peak_bytes : tuple of int
        Memory of this process after sending, half-way and at the end.
    """

    profile: str
    alerts: int
    message_bytes: int
    took_s: float
    cpu_s: float
    peak_bytes: tuple[int, int, int]
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        rate, cpu_ms = self.alerts / self.took_s, 1e3 * self.cpu_s / self.alerts
        sent, half, end = (peak / MEGABYTE for peak in self.peak_bytes)
        return [
            f"{self.alerts:,} alerts of {self.message_bytes:,} bytes with three cutouts each",
            f"{self.took_s:.1f} s, {rate:.0f} alerts/s, {cpu_ms:.2f} ms CPU of each",
            f"peak memory {sent:.0f} MB before, {half:.0f} half-way, {end:.0f} at the end",
        ]

    def as_json(self) -> str:
        """Return the figures for machines."""
        return json.dumps(asdict(self), indent=1)


def run(profile: Profile, folder: Path) -> Figures:
    """Send the packets, collect half of them and the rest, and hold files against rows."""
    from broker.config import config
    from pipeline.selected.collect import Limits, collect
    from tests.environment import point_at

    topic = f"nightjar-bench-{uuid.uuid4().hex[:8]}"
    point_at(
        {
            "NIGHTJAR_COLLECT__SELECTED__TOPIC": topic,
            "NIGHTJAR_COLLECT__SELECTED__GROUP_PREFIX": f"nightjar-{topic}-",
        }
    )
    config.cache_clear()
    size = send(topic, profile.alerts)
    print(f"{profile.alerts} packets sent")
    sent = peak()
    cpu_s, began_s = time.process_time(), time.perf_counter()
    first = collect("selected", limits=Limits(max_messages=profile.alerts // 2))
    half = peak()
    second = collect("selected")
    took_s = time.perf_counter() - began_s
    counted = first.counts.written + second.counts.written
    found = Figures(
        profile.name, counted, size, took_s, time.process_time() - cpu_s, (sent, half, peak())
    )
    found.failures += list(failures(profile, found, folder / "out"))
    return found


def failures(profile: Profile, found: Figures, root: Path) -> Iterator[str]:
    """Return what is not as it shall be."""
    from tests.integration.selected.world import table_of_rows

    if found.alerts != profile.alerts:
        yield f"{found.alerts} rows of {profile.alerts} messages"
    cutouts = sum(1 for _ in root.rglob("*.fits"))
    if cutouts != 3 * profile.alerts:
        yield f"{cutouts} cutouts of {profile.alerts} alerts"
    if not table_of_rows(root):
        yield "a table is not what its rows say"
    if profile.goal_s is not None and found.took_s > profile.goal_s:
        yield f"{found.took_s:.1f} s, wanted {profile.goal_s:.0f}"


def send(topic: str, alerts: int) -> int:
    """Make the topic and send packets; return the length of one [bytes]."""
    from broker import kafka
    from broker.config import config
    from broker.kafka_admin import Acl, TopicSpec, ensure_acls, ensure_topics
    from broker.kafka_types import Message
    from pipeline.topics import DAY_MS, topic_config

    ensure_topics([TopicSpec(topic, 4, DAY_MS, topic_config(config()))])
    rights = ("READ", "WRITE", "DESCRIBE")
    ensure_acls(
        [
            Acl("pipeline", "topic", topic, is_prefix=False, operations=rights),
            Acl("pipeline", "group", "nightjar-", is_prefix=True, operations=("READ",)),
        ]
    )
    producer = kafka.Producer(kafka.own_connection())
    made = packets(alerts)
    length = 0
    while some := list(islice(made, BATCH)):
        length = len(some[0])
        told = producer.send([Message(topic, str(n).encode(), v, []) for n, v in enumerate(some)])
        assert told == [None] * len(some), told
    producer.close()
    return length


def packets(alerts: int) -> Iterator[bytes]:
    """Yield containers of simulated packets, as the filter's topic has them."""
    from pipeline.simulate import lsst, single
    from pipeline.surveys.lsst import read
    from tests.samples import container

    record: dict[str, Any] = read(single.make_lsst_packet(extendedness=0.31179, snr=7.5))
    for number in range(alerts):
        record["diaSourceId"] = record["diaSource"]["diaSourceId"] = 10**17 + number
        record["diaSource"]["ra"] = 150 + number / 1e5
        yield container(lsst.schema(lsst.SCHEMA_ID), record)


def peak() -> int:
    """Return the most memory that this process has had [bytes]."""
    unit = 1 if sys.platform == "darwin" else KIBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
