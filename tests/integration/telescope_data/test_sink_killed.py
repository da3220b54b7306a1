"""Listener and workers of the data sink as processes: killed, restarted, and made to begin anew."""

import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from nightjar_telescope.avro import frame
from redis import Redis
from sqlalchemy import text

from broker import kafka_admin
from broker.config import config
from broker.db import transaction
from broker.sections.telescope import DATA_STREAM
from pipeline import bootstrap
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from pipeline.topics import TELESCOPE_DATA
from tests.drill.proxy import PASS, REFUSE, Proxy
from tests.e2e.system import System, running
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_data.world import (
    DataTopic,
    letters,
    piece,
    register,
    rows,
    wait_for_rights,
)
from tests.redis_databases import RedisDatabase

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("kafka"),
]

KILLED_AT = ("data_claimed", "data_read", "data_inserted", "data_copied")
PATIENCE_S = 120.0
LISTENER, WORKER = "listen", "worker"


class Sink:
    """A data topic, its listener and its worker."""

    def __init__(self, topic: DataTopic, system: System) -> None:
        self.topic = topic
        self.system = system

    def listen(self, **environment: str) -> None:
        words = ("manage.py", "listen", DATA_STREAM)
        self.system.start(LISTENER, *words, **environment)

    def work(self, **environment: str) -> None:
        words = ("-m", "celery", "-A", "broker.celery", "worker", "-Q", TELESCOPE_DATA.queue)
        options = ("--concurrency", "2", "--loglevel", "WARNING", "--without-gossip")
        names = ("--hostname", f"{uuid.uuid4().hex[:8]}@%h", "--without-mingle")
        self.system.start(WORKER, *words, *options, *names, **environment)

    def kill_worker(self) -> None:
        """Kill the pool with all its children, as the machine's end would."""
        process = psutil.Process(self.system.processes[WORKER].pid)
        family = [*process.children(recursive=True), process]
        for each in family:
            each.kill()
        self.system.kill(WORKER)

    def log(self, name: str) -> str:
        path = self.system.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def wait(self, is_so, what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < give_up_at, f"{what} never came\n{self.system.tails()}"
            time.sleep(0.2)

    def wait_until_committed(self) -> None:
        self.wait(lambda: self.committed() == self.topic.end, "the last commit")

    def committed(self) -> int | None:
        with transaction() as session:
            return session.scalar(text("SELECT max(committed_offset) FROM stream_partitions"))


def stored() -> int:
    with transaction() as session:
        return session.scalar(text("SELECT count(*) FROM telescope_data_raw"))


@pytest.fixture
def sink(database, kafka, real_registry, set_up, tmp_path: Path):
    name = word()
    redis_url = RedisDatabase.SINK_KILLED.url(kafka.redis_url)
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    settings = {
        "telescopes": records(name),
        "redis__url": redis_url,
        "archive__path": str(tmp_path / "archive"),
        "streams__telescope_data__group_prefix": f"nightjar-{name}-",
        "streams__telescope_data__offsets_per_task": "100",
        "ranges__ring_after_s": "3",
        "ranges__lease_s": "5",
        "ranges__session_timeout_ms": "6000",
    }
    set_up(**settings)
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    found = telescope(name)
    wait_for_rights([found])
    logs = tmp_path / "logs"
    logs.mkdir()
    with running({}, logs) as system:
        yield Sink(DataTopic(found, register(found.data)), system)


def written(sink: Sink, count: int, garbage_every: int = 0) -> dict[str, bytes]:
    """Write messages, some of which are none; return what the table shall hold."""
    name, values, wanted = sink.topic.telescope.name, [], {}
    for number in range(count):
        if garbage_every and number % garbage_every == 0:
            values.append(b"garbage %d" % number)
            continue
        one = piece(f"{name}-{number:06d}", number, b"%d " % number * (number % 50))
        wanted[one.data_id] = one.data_payload
        values.append(frame(sink.topic.schema_id, one))
    sink.topic.write(values)
    return wanted


def payloads() -> dict[str, bytes]:
    return {data_id: row.data for data_id, row in rows().items()}


@pytest.mark.parametrize("place", KILLED_AT)
def test_whoever_dies_on_a_range_costs_no_row_and_makes_none_twice(sink, place):
    wanted = written(sink, 1000, garbage_every=125)
    sink.listen()
    sink.work(NIGHTJAR_TESTING__FAILPOINT=f"{place}:2")
    sink.wait(lambda: "worker.lost" in sink.log(WORKER), "a death")
    sink.kill_worker()

    sink.work()

    sink.wait_until_committed()
    assert payloads() == wanted
    assert [each.reason for each in letters()] == ["bad_value"] * 8
    copies = sink.topic.copies()
    assert {copy.value for copy in copies} == {b"garbage %d" % n for n in range(0, 1000, 125)}
    assert len(copies) - 8 <= 2  # of the ranges that died after Kafka had their copies


def test_ten_thousand_are_ten_thousand_after_kills_and_a_whole_replay(sink):
    sink.listen()
    sink.work()
    wanted = written(sink, 10_000)
    sink.wait(lambda: stored() > 1000, "the first rows")
    sink.kill_worker()
    sink.system.kill(LISTENER)
    assert stored() < 10_000
    sink.listen()
    sink.work()
    sink.wait_until_committed()
    assert payloads() == wanted

    sink.system.stop(LISTENER)
    with transaction() as session:
        session.execute(text("UPDATE telescope_data_raw SET processed = true"))
        session.execute(text("TRUNCATE stream_ranges, stream_partitions"))
    prefix = f"nightjar-{sink.topic.telescope.name}-anew-"
    sink.listen(NIGHTJAR_STREAMS__TELESCOPE_DATA__GROUP_PREFIX=prefix)

    sink.wait_until_committed()
    with transaction() as session:
        counts = session.execute(
            text(
                "SELECT sum(read_count), sum(stored_count), sum(duplicate_count) FROM stream_ranges"
            )
        ).one()
    assert tuple(counts) == (10_000, 0, 10_000)
    assert payloads() == wanted
    assert {row.processed for row in rows().values()} == {True}
    assert letters() == []


def test_a_new_worker_waits_for_the_registry_and_loses_nothing(sink):
    url = urlsplit(config().registry.url)
    wanted = written(sink, 200, garbage_every=50)
    with Proxy(url.port) as proxy:
        proxy.set(REFUSE)
        sink.listen()
        sink.work(NIGHTJAR_REGISTRY__URL=f"http://127.0.0.1:{proxy.port}{url.path}")
        sink.wait(lambda: sink.log(WORKER).count("range.failed") >= 2, "a range given back")
        assert (stored(), letters()) == (0, [])

        proxy.set(PASS)

        sink.wait_until_committed()
    assert payloads() == wanted
    assert len(letters()) == 4
