"""Listeners and workers as processes on the real parts, killed, frozen, doubled and emptied."""

import signal
import time
from collections import Counter

import psutil
import pytest
from confluent_kafka import Producer as Client
from redis import Redis
from sqlalchemy import text

from broker.db import transaction
from broker.kafka import Cluster, own_connection
from tests.database import run_sql
from tests.integration.range_world import PATIENCE_S, QUICK, ROWS, World
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def world(database, kafka, make_topic, tmp_path):
    redis_url = RedisDatabase.RANGES.url(kafka.redis_url)
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    run_sql(database, ROWS)
    environment = {
        "NIGHTJAR_REDIS__URL": redis_url,
        "NIGHTJAR_RANGES__ALERTS_PER_TASK": "20",
        "NIGHTJAR_RANGES__RING_AFTER_S": "3",
        **QUICK,
    }
    world = World(make_topic(4), 4, environment, tmp_path)
    yield world
    world.end()


def pool_children(worker):
    return psutil.Process(worker.pid).children()


def test_every_offset_is_worked_once_and_committed(world):
    world.listener()
    worker = world.worker()
    world.produce(1000)
    world.wait_until_all_is_done()
    with transaction() as session:
        times = session.scalars(text("SELECT DISTINCT times FROM range_test_rows")).all()
        longest = session.scalar(text("SELECT max(last_offset - first_offset) FROM stream_ranges"))
        seen = session.execute(
            text("SELECT committed_offset, high_offset FROM stream_partitions")
        ).all()
    assert times == [1]
    assert longest == 19
    assert seen == [(250, 250)] * 4
    for process in (world.processes[0], worker):
        process.terminate()
    assert [process.wait(10) for process in world.processes] == [0, 0]


def test_a_quiet_stream_is_worked_alert_by_alert(world):
    world.listener()
    world.worker()
    for number in range(1, 6):
        world.produce(1)
        world.wait(lambda n=number: len(world.rows()) == n, "an alert")
    world.wait_until_all_is_done()
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM stream_ranges")) == 5


def test_killed_children_and_parents_cost_nothing(world):
    quick = {"NIGHTJAR_RANGES__LEASE_S": "4"}
    world.listener()
    worker = world.worker({"sleep_s": 0.2}, **quick)
    world.produce(1000)
    for _ in range(4):
        world.wait(lambda: "running" in world.states(), "a running range")
        for child in pool_children(worker)[:1]:
            child.kill()
        time.sleep(0.5)
    world.wait(lambda: "running" in world.states(), "a running range")
    worker.kill()
    world.worker({}, **quick)
    world.wait_until_all_is_done()


def test_a_packet_that_kills_its_process_is_buried_and_its_neighbours_live(world):
    world.listener()
    world.worker({"killer_offsets": [7]})
    world.produce(80)
    survivors = {at for at in world.expected() if at[1] != 7}
    world.wait(lambda: world.rows() >= survivors, "the neighbours")
    world.wait(lambda: world.states().keys() <= {"done"}, "the burial")
    with transaction() as session:
        letters = session.execute(
            text("SELECT source_partition, source_offset, reason FROM dead_letters ORDER BY 1")
        ).all()
        attempts = session.scalar(text("SELECT max(attempts) FROM stream_ranges"))
    assert letters == [(partition, 7, "worker_died") for partition in range(4)]
    assert attempts == 5
    assert world.rows() == survivors
    world.wait_for_the_last_commit()


def test_commits_stay_behind_a_range_that_is_not_finished(world):
    world.listener()
    world.worker({"hang_offsets": [25]}, NIGHTJAR_RANGES__LEASE_S="600")
    world.produce(4)  # so that later ranges do not begin at the hanging one
    world.wait(lambda: len(world.rows()) == 4, "the first alerts")
    client = Client({**own_connection("admin")})
    for _ in range(99):
        client.produce(world.topic, b"packet", partition=0)
        world.produced[0] += 1
    client.flush(30)
    beyond = {(0, offset) for offset in range(61, 100)}
    world.wait(lambda: world.rows() >= beyond, "the ranges beyond the hanging one")
    with transaction() as session:
        [first] = session.scalars(
            text("SELECT first_offset FROM stream_ranges WHERE state = 'running'")
        ).all()
    world.wait(lambda: world.committed()[0] == first, "the commit below the hanging range")
    time.sleep(2)
    assert world.committed()[0] == first <= 25


def test_emptied_bookkeeping_and_an_emptied_redis_lose_nothing(world):
    world.listener()
    world.worker({"sleep_s": 0.1})
    world.produce(1200)
    for wanted in (200, 500):
        world.wait(lambda n=wanted: len(world.rows()) > n, "some rows")
        with transaction() as session:
            session.execute(text("TRUNCATE stream_ranges, stream_partitions"))
        with Redis.from_url(world.environment["NIGHTJAR_REDIS__URL"]) as redis:
            redis.flushdb()
    world.wait_until_all_is_done()


@pytest.mark.parametrize(
    "point", ["after_insert", "after_publish:3", "before_commit:2", "after_commit:2"]
)
def test_a_listener_killed_at_any_point_is_followed_by_its_own_restart(world, point):
    world.worker({"sleep_s": 0.05})
    world.produce(600)
    listener = world.listener(NIGHTJAR_TESTING__FAILPOINT=point)
    assert listener.wait(PATIENCE_S) == -signal.SIGKILL, world.told()
    world.listener()
    world.wait_until_all_is_done()


def owners():
    with transaction() as session:
        found = session.execute(text("SELECT partition, owner FROM stream_partitions"))
        return {partition: owner.split()[0].rpartition("-")[2] for partition, owner in found}


def test_two_listeners_share_and_one_takes_over_from_a_dead_one(world):
    world.worker({"sleep_s": 0.05})
    first = world.listener(0)
    world.produce(200)
    world.wait(lambda: len(world.rows()) > 50, "some rows")
    world.listener(1)
    world.produce(400)
    world.wait(lambda: Counter(owners().values()) == {"0": 2, "1": 2}, "a fair share")
    world.produce(400)
    first.kill()
    world.wait(lambda: set(owners().values()) == {"1"}, "the successor")
    world.produce(100)
    world.wait_until_all_is_done()
    with transaction() as session:
        overlaps = session.scalar(
            text("""
                SELECT count(*) FROM stream_ranges AS a JOIN stream_ranges AS b
                ON a.partition = b.partition AND a.first_offset < b.first_offset
                    AND b.first_offset <= a.last_offset
            """)
        )
    assert overlaps == 0


def test_a_doubled_slot_ends_the_older_process(world):
    older = world.listener(0)
    world.wait(lambda: len(owners()) == 4, "the partitions")
    world.listener(0)
    assert older.wait(PATIENCE_S) == 3, world.told()
    world.worker()
    world.produce(100)
    world.wait_until_all_is_done()


def test_a_listener_that_was_frozen_past_its_session_does_no_harm(world):
    world.worker({"sleep_s": 0.05})
    frozen = world.listener(0)
    world.wait(lambda: len(owners()) == 4, "the partitions")
    frozen.send_signal(signal.SIGSTOP)
    world.listener(1)
    world.wait(lambda: set(owners().values()) == {"1"}, "the successor")
    world.produce(300)
    frozen.send_signal(signal.SIGCONT)
    world.produce(300)
    world.wait(lambda: len(set(owners().values())) == 2 or frozen.poll() is not None, "its return")
    world.wait_until_all_is_done()


def test_sigterm_under_load_ends_everything_in_its_time_and_loses_nothing(world):
    world.worker({"sleep_s": 0.5})
    world.listener()
    world.produce(400)
    world.wait(lambda: "running" in world.states(), "a running range")
    for process in world.processes:
        process.terminate()
    worker, listener = world.processes
    assert listener.wait(12) == 0
    worker.wait(35)
    assert "running" not in world.states()
    with transaction() as session:
        assert session.scalar(text("SELECT max(attempts) FROM stream_ranges")) <= 1
    world.listener()
    world.worker()
    world.wait_until_all_is_done()


def test_a_topic_made_anew_is_read_from_its_beginning(world, kafka):
    from confluent_kafka.admin import NewTopic

    from broker.kafka_connection import admin_client

    world.listener()
    world.worker()
    world.produce(100)
    world.wait_until_all_is_done()
    world.processes[0].terminate()
    assert world.processes[0].wait(12) == 0
    admin = admin_client()
    admin.delete_topics([world.topic])[world.topic].result(15)
    cluster = Cluster(own_connection())
    world.wait(lambda: not cluster.topic_ids([world.topic]), "the end of the old topic")
    admin.create_topics([NewTopic(world.topic, 4, 1)])[world.topic].result(15)
    with transaction() as session:
        session.execute(text("TRUNCATE range_test_rows"))
    world.produced.clear()
    world.wait(lambda: cluster.topic_ids([world.topic]), "the new topic")
    time.sleep(1)
    world.produce(60)
    world.listener()
    world.wait_until_all_is_done()
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM dead_letters")) == 0
