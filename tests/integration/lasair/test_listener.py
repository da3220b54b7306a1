"""Three filters on real Kafka, one of which sends garbage, under kill -9."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from broker import kafka as wire
from broker.config import ROOT, config
from broker.kafka_admin import ensure_topics
from broker.kafka_cluster import Cluster
from broker.kafka_messages import MessageReader
from broker.kafka_types import Message
from pipeline.bootstrap import lasair_topics
from pipeline.lasair.listener import NoTopicsError, make_lasair_listener
from pipeline.simulate import lasair
from tests.conftest import TOPIC_PREFIX
from tests.database import environment, run_sql

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 120
KILLED_AT = ("batch_stored", "batch_committed")
EACH = 30
NAMES = {"bright": "ztf", "young": "lsst", "garbage": "ztf"}


@pytest.fixture
def url(kafka, database, root, set_up) -> str:
    """The database of a listener whose topics and groups are this test's own."""
    name = uuid.uuid4().hex[:12]
    topics = [
        {"name": f"{TOPIC_PREFIX}{name}-{each}", "survey": survey} for each, survey in NAMES.items()
    ]
    set_up(
        lasair__topics=json.dumps(topics),
        lasair__ztf_servers="",
        lasair__lsst_servers="",
        lasair__cutouts="false",
    )
    ensure_topics(lasair_topics(config()))
    return database


def topic(name: str) -> str:
    return next(each.name for each in config().lasair.topics if each.name.endswith(name))


def send(each: int) -> None:
    """Send so many messages of each of the demo's filters."""
    names = dict(zip(lasair.TOPICS, NAMES, strict=True))
    night = lasair.night(datetime.now(UTC), each)
    messages = [Message(topic(names[of]), None, value, []) for of, value in night]
    producer = wire.Producer(wire.own_connection())
    assert set(producer.send(messages)) == {None}
    producer.close()


def count(url: str, table: str) -> int:
    return int(run_sql(url, f"SELECT count(*) FROM {table}")[0][0])


def listen_until(is_done: Callable[[], bool]) -> None:
    """Run the listener in a thread until that is so."""
    over = threading.Event()
    listener = make_lasair_listener("lasair-0")
    thread = threading.Thread(target=listener.run, args=(over.is_set,))
    thread.start()
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_done() and time.monotonic() < give_up_at:
        time.sleep(0.2)
    over.set()
    thread.join(PATIENCE_S)
    assert is_done(), "the listener did not get there"


def taken(url: str) -> int:
    return count(url, "lasair_alerts") + count(url, "dead_letters")


def committed(name: str) -> int | None:
    group = f"{config().lasair.group_prefix}{topic(name)}"
    reader = MessageReader(wire.own_connection(), group, "onlooker", [topic(name)])
    try:
        return reader.committed([(topic(name), 0)])[topic(name), 0]
    finally:
        reader.close()


def lines(root) -> list[dict]:
    files = sorted(root.rglob("alerts.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def test_without_topics_nobody_listens(kafka, database, root):
    with pytest.raises(NoTopicsError, match=r"set lasair\.topics"):
        make_lasair_listener("lasair-0")


def test_garbage_on_one_topic_keeps_nobody_else_waiting(url, root):
    send(EACH)

    listen_until(lambda: taken(url) == 3 * EACH)

    by_topic = dict(run_sql(url, "SELECT topic, count(*) FROM lasair_alerts GROUP BY 1"))
    assert by_topic == {topic("bright"): EACH, topic("young"): EACH}
    letters = dict(run_sql(url, "SELECT topic, count(*) FROM dead_letters GROUP BY 1"))
    assert letters == {topic("garbage"): EACH}
    assert {each: committed(each) for each in NAMES} == dict.fromkeys(NAMES, EACH)
    assert len(lines(root)) == 2 * EACH
    assert {line["_topic"] for line in lines(root)} == {topic("bright"), topic("young")}
    logs = root / "logs" / "lasair"
    assert len((logs / topic("garbage") / "error.log").read_text().splitlines()) == EACH
    assert (logs / topic("bright") / "error.log").read_text() == ""


def test_a_broker_that_does_not_know_its_topics_yet_makes_no_second_source(url, root, monkeypatch):
    send(EACH)
    describe, asked = Cluster._describe, []

    def wake(cluster, topics):
        asked.append(topics)
        return {} if len(asked) <= 2 * len(NAMES) else describe(cluster, topics)

    monkeypatch.setattr(Cluster, "_describe", wake)
    listen_until(lambda: taken(url) == 3 * EACH)

    ids = [topic_id for (topic_id,) in run_sql(url, "SELECT topic_id FROM sources")]
    assert "" not in ids
    assert len(ids) == len(NAMES)


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_listener_is_followed_by_one_that_stores_each_alert_once(url, root, place):
    send(EACH)
    words = [sys.executable, "manage.py", "listen", "lasair"]
    mortal = environment(url) | {"NIGHTJAR_TESTING__FAILPOINT": place}
    killed = subprocess.run(words, cwd=ROOT, env=mortal, timeout=PATIENCE_S, check=False)
    assert killed.returncode == -9

    listen_until(lambda: taken(url) == 3 * EACH)

    assert count(url, "lasair_alerts") == 2 * EACH
    sorted_lines = sorted(json.dumps(line, sort_keys=True) for line in lines(root))
    rows = run_sql(url, "SELECT topic, payload FROM lasair_alerts")
    assert sorted_lines == sorted(
        json.dumps({**payload, "_topic": name}, sort_keys=True) for name, payload in rows
    )
