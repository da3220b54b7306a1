"""One run: messages to a data topic, untimed; then from there into the table, against the clock."""

import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.environment import point_at

if TYPE_CHECKING:
    from tests.e2e.system import System
    from tests.integration.telescope_data.world import DataTopic

SEED = 20261122
SMALL_BYTES, LARGE_BYTES = 200, 5_000_000
WARM = 1000
BARE = 20_000
NAIVE = 2000
LISTENER, WORKER = "listen-telescope_data", "worker"
PATIENCE_S = 600.0
SAMPLE_S = 0.25
MEGABYTE = 1e6


@dataclass(frozen=True)
class Profile:
    """Sizes of one form of the benchmark.

    Attributes
    ----------
    messages, large : int
        Small messages, and such of 5 MB.
    goal : float or None
        Fewest small messages stored in a second; None: nothing is judged.
    most_bytes : float
        Most memory of a worker process [bytes].
    """

    name: str
    messages: int
    large: int
    goal: float | None = None
    most_bytes: float = 600 * MEGABYTE


PROFILES = {
    one.name: one for one in (Profile("smoke", 2000, 3), Profile("default", 100_000, 40, 5000.0))
}


@dataclass
class Stage:
    """What storing one lot of messages took.

    Attributes
    ----------
    messages : int
        How many.
    took_s : float
        From the first claim of a range to the end of the last [s].
    worker_cpu_s, listener_cpu_s : float
        CPU meanwhile, children included [s].
    peak_bytes : int
        Most resident memory of one worker process [bytes].
    """

    messages: int
    took_s: float
    worker_cpu_s: float
    listener_cpu_s: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Messages in a second."""
        return self.messages / self.took_s


@dataclass
class Figures:
    """What one run took, and what of it is not as it shall be.

    ``decoded`` and ``naive`` are messages in a second: decoded alone by one process, and stored by
    a plain consumer, each in its own transaction.
    """

    profile: str
    small: Stage
    large: Stage
    decoded: float
    naive: float
    rest_bytes: int
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        small, large = self.small, self.large
        ms = [f"{1e3 * s / small.messages:.3f}" for s in (small.worker_cpu_s, small.listener_cpu_s)]
        volume = large.messages * LARGE_BYTES / MEGABYTE
        peaks = [f"{one / MEGABYTE:.0f}" for one in (small.peak_bytes, large.peak_bytes)]
        return [
            (
                f"{small.messages:,} messages of {SMALL_BYTES} bytes: {small.took_s:.1f} s,"
                f" {small.rate:,.0f}/s"
            ),
            f"CPU of each: {ms[0]} ms in the workers, {ms[1]} ms in the listener",
            (
                f"decoding alone, one process: {self.decoded:,.0f}/s;"
                f" end to end is {small.rate / self.decoded:.2f} of it"
            ),
            (
                f"one transaction each, as a plain consumer: {self.naive:,.0f}/s;"
                f" end to end is {small.rate / self.naive:.1f} times that"
            ),
            (
                f"{large.messages} messages of 5 MB: {large.took_s:.1f} s,"
                f" {volume / large.took_s:,.0f} MB/s"
            ),
            (
                f"memory of the largest worker process: {self.rest_bytes / MEGABYTE:.0f} MB at rest,"
                f" at most {peaks[0]} with small messages, {peaks[1]} with large ones"
            ),
        ]

    def as_json(self) -> str:
        """Return the figures for machines."""
        return json.dumps(asdict(self), indent=1)


def run(profile: Profile, folder: Path) -> Figures:
    """Warm up, store small messages, then large ones; hold the table against what was sent."""
    from tests.e2e.system import running
    from tests.integration.telescope_data.world import DataTopic, register

    telescope = _made()
    topic = DataTopic(telescope, register(telescope.data))
    logs = folder / "logs"
    logs.mkdir()
    sent = Sent(topic)
    with running({}, logs) as system:
        system.start_listeners("telescope_data")
        _work(system)
        sent.write(WARM, SMALL_BYTES)
        _wait_for(topic.end, system)
        rest_bytes = _largest(system)
        print("warm")
        small = _timed(sent, system, profile.messages, SMALL_BYTES)
        large = _timed(sent, system, profile.large, LARGE_BYTES)
    decoded, naive = _decoded(sent), _naive(sent)
    found = Figures(profile.name, small, large, decoded, naive, rest_bytes)
    found.failures += failures(profile, found, sent.wrong())
    return found


def failures(profile: Profile, found: Figures, wrong: str) -> Iterator[str]:
    """Yield what is not as it shall be."""
    if wrong:
        yield wrong
    if profile.goal is None:
        return
    if found.small.rate < profile.goal:
        yield f"{found.small.rate:,.0f} messages/s, wanted {profile.goal:,.0f}"
    peak = max(found.small.peak_bytes, found.large.peak_bytes)
    if peak > profile.most_bytes:
        most = profile.most_bytes / MEGABYTE
        yield f"a worker process took {peak / MEGABYTE:.0f} MB, wanted {most:.0f}"


class Sent:
    """What was written to the topic."""

    def __init__(self, topic: "DataTopic") -> None:
        self.topic = topic
        self.digests: dict[str, bytes] = {}
        self._random = random.Random(SEED)

    def write(self, count: int, length: int) -> None:
        """Write messages of noise."""
        from nightjar_telescope.avro import frame

        from tests.integration.telescope_data.world import piece

        while count > 0:
            some = min(count, max(1, 50_000_000 // length))
            values = []
            for _ in range(some):
                number = len(self.digests)
                payload = self._random.randbytes(length)
                one = piece(f"{self.topic.telescope.name}-{number:08d}", number, payload)
                self.digests[one.data_id] = hashlib.md5(payload).digest()
                values.append(frame(self.topic.schema_id, one))
            self.topic.write(values)
            count -= some

    def wrong(self) -> str:
        """Return what the table has that was not sent so; empty: nothing."""
        rows = _sql("SELECT data_id, decode(md5(data), 'hex') FROM telescope_data_raw")
        stored = {data_id: bytes(digest) for data_id, digest in rows}
        if stored == self.digests:
            return ""
        equal = len(stored.items() & self.digests.items())
        return f"{len(stored)} rows, {equal} of {len(self.digests)} as they were sent"


def _made() -> Any:
    """Make a telescope's topics and our rights on them."""
    from broker.config import config
    from broker.kafka_admin import Acl, ensure_acls, ensure_topics
    from pipeline import bootstrap
    from pipeline.telescope.record import telescope
    from pipeline.telescope.topics import telescope_topics
    from tests import native
    from tests.integration.telescope.conftest import records, word
    from tests.integration.telescope_data.world import wait_for_rights

    name = word()
    point_at(
        {
            "NIGHTJAR_TELESCOPES": records(name),
            "NIGHTJAR_STREAMS__TELESCOPE_DATA__GROUP_PREFIX": f"nightjar-{name}-",
        }
    )
    config.cache_clear()
    native.patiently(lambda: ensure_topics(telescope_topics(config())))
    groups = Acl("pipeline", "group", "nightjar-", is_prefix=True, operations=("READ",))
    native.patiently(lambda: ensure_acls([*bootstrap.service_acls(config()), groups]))
    found = telescope(name)
    wait_for_rights([found])
    return found


def _work(system: "System") -> None:
    from pipeline.topics import TELESCOPE_DATA

    words = ("-m", "celery", "-A", "broker.celery", "worker")
    served = ("-Q", TELESCOPE_DATA.queue, "--concurrency", "2")
    options = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    names = ("--hostname", f"{uuid.uuid4().hex[:8]}@%h")
    system.start(WORKER, *words, *served, *options, *names, REMAP_SIGTERM="SIGQUIT")


def _timed(sent: Sent, system: "System", count: int, length: int) -> Stage:
    """Write messages while nothing is cut, then let go; return what storing them took."""
    from broker.db import transaction
    from broker.ranges import stops
    from broker.sections.telescope import DATA_STREAM

    with transaction() as session:
        stops.stop(session, DATA_STREAM, "until all is written", "bench")
    time.sleep(2.0)  # the listener looks once a second
    first = sent.topic.end
    sent.write(count, length)
    before = [_cpu_s(system, name) for name in (WORKER, LISTENER)]
    with transaction() as session:
        stops.resume(session, DATA_STREAM)
    peak = _wait_for(sent.topic.end, system)
    spent = [
        _cpu_s(system, name) - was for name, was in zip((WORKER, LISTENER), before, strict=True)
    ]
    [(took_s,)] = _sql(
        "SELECT extract(epoch FROM max(done_at) - min(claimed_at))::float8 FROM stream_ranges"
        " WHERE first_offset >= %s",
        first,
    )
    return Stage(count, took_s, *spent, peak)


def _wait_for(end: int, system: "System") -> int:
    """Wait until everything is committed; return the most memory of a worker process [bytes]."""
    peak, give_up_at = 0, time.monotonic() + PATIENCE_S
    while _sql("SELECT coalesce(max(committed_offset), 0) FROM stream_partitions") != [(end,)]:
        assert time.monotonic() < give_up_at, system.tails()
        peak = max(peak, _largest(system))
        time.sleep(SAMPLE_S)
    return peak


def _tree(system: "System", name: str) -> list[psutil.Process]:
    root = psutil.Process(system.processes[name].pid)
    return [root, *root.children(recursive=True)]


def _largest(system: "System") -> int:
    return max(one.memory_info().rss for one in _tree(system, WORKER))


def _cpu_s(system: "System", name: str) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _tree(system, name))


def _decoded(sent: Sent) -> float:
    """Return how many small messages a process decodes in a second, one after the other."""
    from pipeline.telescope.codec import codec
    from pipeline.telescope.decode_data import decode
    from pipeline.telescope.record import telescopes

    packets = _packets(sent, BARE)
    found = codec()
    return _rate(packets, lambda: decode(packets, sent.topic.telescope, found, telescopes()))


def _naive(sent: Sent) -> float:
    """Return how many a plain consumer stores in a second: decoded, inserted, committed each."""
    import psycopg
    from nightjar_telescope import TelescopeData

    from broker.config import config
    from pipeline.telescope.codec import codec

    packets, found = _packets(sent, NAIVE), codec()
    with psycopg.connect(config().postgres.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("CREATE TABLE naive (LIKE telescope_data_raw INCLUDING ALL)")

        def store() -> None:
            for packet in packets:
                one, _ = found.decode(TelescopeData, packet.value)
                connection.execute(
                    "INSERT INTO naive (data_id, observation_id, sequence_number, timestamp, data)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (one.data_id, one.observation_id, one.sequence_number, one.timestamp,
                     one.data_payload),
                )  # fmt: skip

        rate = _rate(packets, store)
        connection.execute("DROP TABLE naive")
    return rate


def _packets(sent: Sent, most: int) -> Sequence[Any]:
    from broker import kafka

    reader = kafka.RangeReader(kafka.own_connection(), "nightjar-")
    last = min(most, sent.topic.end) - 1
    packets = reader.read(sent.topic.telescope.data, 0, 0, last).packets
    reader.close()
    return [packet for packet in packets if len(packet.value) < LARGE_BYTES]


def _rate(packets: Sequence[Any], do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return len(packets) / (time.perf_counter() - began)


def _sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    import psycopg

    from broker.config import config

    with psycopg.connect(config().postgres.url.get_secret_value()) as connection:
        return connection.execute(statement, parameters).fetchall()
