"""One run: packets to a topic, untimed; then from there to rows and files, against the clock."""

import io
import json
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from astropy.io import fits
from pyarrow import parquet

from tests.bench_selected import memory
from tests.bench_selected.consumer import Consumed

BATCH = 200
SEED = 20261122
MEGABYTE = 1e6
LONGEST_S = 3600


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
    """What one run took, and what of it is not as it shall be."""

    profile: str
    message_bytes: int
    consumed: Consumed
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        took = self.consumed
        rate, cpu_ms = took.written / took.took_s, 1e3 * took.cpu_s / max(1, took.written)
        after = memory.steady(took.memory)
        thousands = " ".join(f"{of / MEGABYTE:.0f}" for of in memory.every_thousand(took.memory))
        grew, closed = memory.growth_bytes(took.memory) / MEGABYTE, took.closing_bytes / MEGABYTE
        usual = statistics.median(after) / MEGABYTE
        return [
            f"{took.written:,} alerts of {self.message_bytes:,} bytes with three cutouts each",
            f"{took.took_s:.1f} s, {rate:.0f} alerts/s, {cpu_ms:.2f} ms CPU of each",
            f"the night closed in {took.closing_s:.1f} s: {', '.join(took.tables) or 'no table'}",
            f"memory of the consumer, the most of each {memory.EVERY:,} alerts: {thousands} MB",
            f"after the warm-up: {usual:.0f} MB, at most {max(after) / MEGABYTE:.0f}",
            f"over the last half {grew:+.0f} MB; {closed:.0f} MB when the night was closed",
        ]

    def as_json(self) -> str:
        """Return the figures for machines."""
        return json.dumps(asdict(self), indent=1)


def run(profile: Profile, folder: Path) -> Figures:
    """Send the packets, let a process collect them and close the night, hold files against rows."""
    from broker.config import config
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
    found = Figures(profile.name, size, consumed())
    found.failures += failures(profile, found.consumed, folder / "out")
    return found


def consumed() -> Consumed:
    """Run the consumer; return what it took."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench_selected.consumer"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=LONGEST_S,
    ).stdout
    found = json.loads(told.splitlines()[-1])
    found["memory"] = [(alerts, resident) for alerts, resident in found["memory"]]
    return Consumed(**found | {"tables": tuple(found["tables"])})


def failures(profile: Profile, found: Consumed, root: Path) -> Iterator[str]:
    """Return what is not as it shall be."""
    from tests.integration.selected.world import table_of_rows

    if found.written != profile.alerts:
        yield f"{found.written} rows of {profile.alerts} messages"
    cutouts = sum(1 for _ in root.rglob("*.fits"))
    if cutouts != 3 * profile.alerts:
        yield f"{cutouts} cutouts of {profile.alerts} alerts"
    if not table_of_rows(root):
        yield "a table is not what its rows say"
    lines = sum(parquet.read_metadata(path).num_rows for path in root.rglob("*.parquet"))
    if lines != profile.alerts:
        yield f"{lines} rows in Parquet of {profile.alerts} alerts"
    if profile.goal_s is not None:
        yield from memory.failures(found.memory)
        if found.took_s > profile.goal_s:
            yield f"{found.took_s:.1f} s, wanted {profile.goal_s:.0f}"


def send(topic: str, alerts: int) -> int:
    """Make the topic and send packets; return the length of one [bytes]."""
    from broker import kafka
    from broker.config import config
    from broker.kafka_admin import Acl, TopicSpec, ensure_acls, ensure_topics
    from broker.kafka_types import Message
    from broker.topic_settings import DAY_MS, topic_config

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
    """Yield containers of simulated packets, as the filter's topic has them.

    Each has noise of its own in its images, as the sky has: what compresses well would leave a
    consumer's queue, which is bounded in Kafka's bytes, as large as the whole topic.
    """
    from pipeline.simulate import lsst, single
    from pipeline.surveys.lsst import read
    from tests.samples import container

    record: dict[str, Any] = read(single.make_lsst_packet(extendedness=0.31179, snr=7.5))
    random = np.random.default_rng(SEED)
    images = {name: Image.of(record[name]) for name in record if name.startswith("cutout")}
    for number in range(alerts):
        record["diaSourceId"] = record["diaSource"]["diaSourceId"] = 10**17 + number
        record["diaSource"]["ra"] = 150 + number / 1e5
        record |= {name: image.with_noise(random) for name, image in images.items()}
        yield container(lsst.schema(lsst.SCHEMA_ID), record)


class Image(NamedTuple):
    """A FITS file, and where its pixels lie, four bytes each."""

    content: bytes
    pixels: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the image of a file."""
        with fits.open(io.BytesIO(content)) as found:
            spans = [(one.fileinfo()["datLoc"], one.data.nbytes) for one in found if one.size]
        return cls(content, tuple(spans))

    def with_noise(self, random: np.random.Generator) -> bytes:
        """Return the file with other pixels."""
        made = bytearray(self.content)
        for start, length in self.pixels:
            noise = random.standard_normal(length // 4, np.float32)
            made[start : start + length] = noise.astype(">f4").tobytes()
        return bytes(made)
