"""A topic on real Kafka: read once to its end, and by a listener that is killed with -9."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer as Client

from broker import kafka as wire
from broker.config import ROOT, config
from broker.db import lock, transaction
from broker.kafka import LoginRefusedError
from broker.kafka_groups import groups
from broker.kafka_messages import MessageReader
from broker.kafka_types import Message
from pipeline.selected import collect as collecting
from pipeline.selected import listener as listening
from pipeline.selected import sources
from pipeline.selected.collect import CollectError, Limits, collect
from tests.database import environment, run_sql
from tests.integration.selected.world import expected, packet, tree

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

KILLED_AT = ("selected_committed", "csv_appended")
PATIENCE_S = 60
DEADLY = 2**60 + 3
NOTES = "SELECT attempts FROM message_attempts"


@pytest.fixture
def topic(make_topic, database: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the topic of a source whose group is this test's own."""
    name = make_topic(2)
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_COLLECT__SELECTED__TOPIC", name)
        patch.setenv("NIGHTJAR_COLLECT__SELECTED__GROUP_PREFIX", f"nightjar-{uuid.uuid4().hex}-")
        config.cache_clear()
        yield name
    config.cache_clear()


def send(topic: str, *values: bytes) -> None:
    producer = wire.Producer(wire.own_connection())
    messages = [Message(topic, str(at).encode(), value, []) for at, value in enumerate(values)]
    assert producer.send(messages) == [None] * len(values)
    producer.close()


def target() -> sources.Target:
    with transaction() as session:
        return sources.claim(session, sources.DEFAULT)


def files_are_what_rows_say(root: Path) -> bool:
    with transaction() as session:
        return tree(root) == expected(session, target())


def runs(url: str) -> list[tuple[object, ...]]:
    return run_sql(
        url,
        "SELECT kind, state, read_count, written_count, failed_count, duplicate_count,"
        " behind_count FROM selected_runs ORDER BY id",
    )


def test_a_run_reads_to_the_end_and_the_next_one_goes_on_there(database, topic, root):
    send(topic, *(packet(n) for n in range(1, 6)), b"", packet(1))

    first = collect("selected")
    send(topic, packet(6))
    second = collect("selected")

    assert (first.why, second.why) == (None, None)
    assert runs(database) == [
        ("collect", "done", 7, 5, 1, 1, 0),
        ("collect", "done", 1, 1, 0, 0, 0),
    ]
    assert files_are_what_rows_say(root)
    found = run_sql(database, "SELECT stream, topic, reason FROM dead_letters")
    assert found == [("selected", topic, "empty")]


def test_a_topic_that_ends_with_a_transactions_marker_is_read_to_its_end(database, topic):
    client = Client({**wire.own_connection("admin"), "transactional.id": f"nightjar-{topic}"})
    client.init_transactions(PATIENCE_S)
    for numbers, end in (((1, 2), client.commit_transaction), ((3,), client.abort_transaction)):
        client.begin_transaction()
        for number in numbers:
            client.produce(topic, packet(number), partition=0)
        end(PATIENCE_S)

    first, second = collect("selected"), collect("selected")

    assert (first.why, second.why) == (None, None)
    assert runs(database) == [
        ("collect", "done", 2, 2, 0, 0, 0),
        ("collect", "done", 0, 0, 0, 0, 0),
    ]
    [[lag]] = [[each.lag] for each in groups(sources.group_of("selected"), kept_ms=0, limit=1)]
    assert lag == 0


def test_a_run_that_stops_short_says_how_far_behind_it_is(database, topic, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_COLLECT__BATCH_MESSAGES", "2")
    config.cache_clear()
    send(topic, *(packet(n) for n in range(1, 6)))

    found = collect("selected", limits=Limits(max_messages=2))

    assert found.counts.written == 2
    assert found.why == "stopped 3 offsets before the end"
    assert runs(database) == [("collect", "short", 2, 2, 0, 0, 3)]


def test_a_second_run_at_once_is_refused(database, topic):
    with (
        lock(f"nightjar.collect.{sources.this_host()}.selected"),
        pytest.raises(CollectError, match="another run of selected is at work"),
    ):
        collect("selected")


def test_a_topic_that_is_not_there_is_told_before_a_group_would_give_nothing(
    database, topic, monkeypatch
):
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__TOPIC", f"{topic}-gone")
    config.cache_clear()
    monkeypatch.setattr(collecting, "HEARD_S", 1.0)

    found = collect("selected")

    assert f"no partition of {topic}-gone was given: " in (found.why or "")
    assert "Unknown topic or partition" in (found.why or "")
    assert (found.state, runs(database)) == ("failed", [("collect", "failed", 0, 0, 0, 0, 0)])


def test_a_run_whose_certificates_are_none_is_noted_as_failed(
    database, topic, tmp_path, monkeypatch
):
    authority = tmp_path / "none.pem"
    authority.write_text("no certificate\n")
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__CA_FILE", str(authority))
    config.cache_clear()

    with pytest.raises(LoginRefusedError):
        collect("selected")

    assert runs(database) == [("collect", "failed", 0, 0, 0, 0, 0)]


def test_a_run_that_writes_what_a_dead_one_stored_says_so(database, topic, root):
    send(topic, *(packet(n) for n in range(1, 4)))
    mortal = environment(database) | {"NIGHTJAR_TESTING__FAILPOINT": "selected_committed"}
    died = subprocess.run(
        [sys.executable, "manage.py", "collect", "selected"],
        cwd=ROOT, env=mortal, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL

    found = collect("selected")

    left = run_sql(database, "SELECT sum(written_count) FROM selected_runs")
    assert found.counts.late + found.counts.written == 3
    assert (left, found.counts.late > 0) == ([(3,)], True)
    assert run_sql(database, "SELECT sum(late_count) FROM selected_runs") == [(found.counts.late,)]


def test_a_host_that_nobody_knows_ends_the_process_with_its_name(database, topic):
    away = {
        "NIGHTJAR_COLLECT__SELECTED__BOOTSTRAP_SERVERS": "broker.invalid:9092",
        "NIGHTJAR_COLLECT__SELECTED__SECURITY_PROTOCOL": "PLAINTEXT",
    }

    ended = subprocess.run(
        [sys.executable, "manage.py", "collect", "selected"],
        cwd=ROOT, env=environment(database) | away, check=False, timeout=PATIENCE_S,
        capture_output=True, text=True,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "Failed to resolve 'broker.invalid:9092'" in ended.stderr


def test_a_run_beside_a_listener_is_refused_before_it_takes_anything_from_it(database, topic):
    listener = listening.make_selected_listener("selected", "selected-0")
    give_up_at = time.monotonic() + PATIENCE_S
    while len(listener.reader.owned) < 2:
        assert time.monotonic() < give_up_at, "the listener was given nothing"
        listener.tick()

    with pytest.raises(CollectError, match=r"listen selected is running \(selected-0\).*stop it"):
        collect("selected")
    listener.tick()

    assert len(listener.reader.owned) == 2
    assert not [run for run in runs(database) if run[0] == "collect"]
    listener.close()


def committed(topic: str) -> int:
    reader = MessageReader(
        wire.own_connection(), f"{config().collect.selected.group_prefix}selected", "x", [topic]
    )
    try:
        return sum(at or 0 for at in reader.committed([(topic, 0), (topic, 1)]).values())
    finally:
        reader.close()


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_listener_is_followed_by_one_that_leaves_the_same_files(
    database, topic, root, place
):
    send(topic, *(packet(n) for n in range(1, 6)))
    mortal = environment(database) | {"NIGHTJAR_TESTING__FAILPOINT": place}
    died = subprocess.run(
        [sys.executable, "manage.py", "listen", "selected"],
        cwd=ROOT, env=mortal, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL
    taker = listening.make_selected_listener("selected", "selected-0")

    give_up_at = time.monotonic() + PATIENCE_S
    while run_sql(database, "SELECT count(csv_seq) FROM selected_alerts") != [(5,)]:
        assert time.monotonic() < give_up_at, "the listener did not get there"
        taker.tick()
    taker.close()

    assert committed(topic) == 5
    assert files_are_what_rows_say(root)
    assert len(tree(root)) == 5 * 3 + 1


def test_a_message_that_kills_is_buried_and_those_beside_it_are_written(database, topic, root):
    send(topic, *(packet(number) for number in range(1, 6)))
    mortal = environment(database) | {"NIGHTJAR_TESTING__POISON": f"kill:{DEADLY}"}
    for _ in range(2):  # over the batch, then over the message alone
        died = subprocess.run(
            [sys.executable, "manage.py", "collect", "selected"],
            cwd=ROOT, env=mortal, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL
    newest = "id = (SELECT max(id) FROM message_attempts)"
    assert run_sql(database, f"{NOTES} WHERE {newest}") == [(1,)]
    run_sql(database, f"UPDATE message_attempts SET attempts = 3 WHERE {newest}")  # spares two

    done = collect("selected")

    assert (done.why, done.counts.failed) == (None, 1)
    assert done.counts.written + done.counts.duplicate == 4
    assert run_sql(database, "SELECT reason, stream FROM dead_letters") == [
        ("worker_died", "selected")
    ]
    found = run_sql(database, "SELECT alert_id - (1::bigint << 60) FROM selected_alerts ORDER BY 1")
    assert found == [(1,), (2,), (4,), (5,)]
    assert run_sql(database, NOTES) == []
