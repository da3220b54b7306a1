"""``/health`` on the real parts."""

import pytest
from django.test import Client

from broker import health, health_parts
from broker.config import Config, config
from broker.health import Probe
from broker.queues import wanted
from tests.database import run_sql
from tests.redis_databases import RedisDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
def parts_found(kafka, database, monkeypatch):
    """Point the checks at this test's database; return a function that looks at every part."""
    monkeypatch.setattr(health_parts, "conninfo", lambda: database)
    # A Redis database without the workers of whatever test runs beside this one.
    monkeypatch.setenv("NIGHTJAR_REDIS__URL", RedisDatabase.HEALTH.url(kafka.redis_url))
    config.cache_clear()
    monkeypatch.setattr(health_parts, "pending_migrations", list)
    monkeypatch.setattr(health_parts, "_seen_at_s", {})

    def look():
        return {finding.name: finding for finding in Probe(deadline_s=30).report().findings}

    return look


def test_postgres_redis_and_kafka_answer(parts_found):
    found = parts_found()

    assert {found[name].state for name in ("postgres", "redis", "kafka", "migrations")} == {"ok"}
    assert found["kafka"].facts == {"brokers": 1}


def test_without_a_worker_every_queue_is_named_with_what_does_not_work(parts_found):
    found = parts_found()["workers"]

    assert found.state == "down"
    for queue in wanted(Config()):
        assert f"no worker serves the queue {queue.name}: {queue.without}" in found.text
    assert "no mail" in found.text
    assert "no Kafka credential" in found.text


def test_a_stream_that_was_never_read_is_off(parts_found):
    assert parts_found()["listener_ztf"].state == "off"


@pytest.mark.parametrize(
    ("age", "state"), [("1 second", "ok"), ("2 minutes", "down")], ids=["fresh", "silent"]
)
def test_a_listener_is_told_by_its_partitions(parts_found, database, age, state):
    run_sql(
        database,
        "INSERT INTO stream_partitions (stream, topic, partition, epoch, owner, committed_offset,"
        f" high_offset, updated_at) SELECT 'ztf', 't', n, 1, 'me', 10, 15, now() - interval '{age}'"
        " FROM generate_series(0, 3) AS n",
    )

    finding = parts_found()["listener_ztf"]

    assert finding.state == state
    assert (finding.facts["lag"], finding.facts["partitions"]) == (20, 4)


def test_a_stopped_stream_says_why_and_how_to_go_on(parts_found, database):
    run_sql(
        database,
        "INSERT INTO stream_partitions (stream, topic, partition, epoch) VALUES ('ztf', 't', 0, 1)",
    )
    run_sql(
        database,
        "INSERT INTO streams (name, stopped_at, reason) VALUES ('ztf', now(), 'unknown schema')",
    )

    finding = parts_found()["listener_ztf"]

    assert finding.state == "down"
    assert finding.text == "stopped: unknown schema; run: python manage.py resume ztf"


def bury(database, count, **given):
    values = {"stream": "'lsst'", "reason": "'empty'", "state": "'open'", "at": "now()"} | given
    run_sql(
        database,
        "INSERT INTO dead_letters (stream, topic, source_partition, source_offset, last_offset,"
        f" reason, message, state, first_seen_at) SELECT {values['stream']}, 't', 0, n, n,"
        f" {values['reason']}, 'no bytes', {values['state']}, {values['at']}"
        f" FROM generate_series(1, {count}) AS n",
    )


def test_open_dead_letters_are_counted_by_stream_and_reason(parts_found, database):
    bury(database, 2, at="timestamptz '2024-11-21 06:00+00' + n * interval '1 day'")
    bury(database, 1, stream="'ztf'", reason="'bad_value'")
    bury(database, 5, stream="'ztf'", reason="'truncated'", state="'ignored'")

    finding = parts_found()["dead_letters"]

    assert finding.state == "warning"
    assert finding.facts == {
        "open": {"lsst": {"empty": 2}, "ztf": {"bad_value": 1}},
        "oldest": "2024-11-22T06:00:00+00:00",
    }
    assert finding.text.startswith(
        "3 dead letters open (2 of lsst, 1 of ztf), the oldest since 2024-11-22"
    )


def test_dead_letters_of_whoever_reads_are_counted_too(parts_found, database):
    bury(database, 1, stream="'ztf'")
    others = {
        "a source of the settings": "not_json", "antares": "bad_value", "igwn": "no_id",
        "lasair": "bad_time", "telescope": "conflict",
    }  # fmt: skip
    for stream, reason in others.items():
        bury(database, 4, stream=f"'{stream}'", reason=f"'{reason}'")

    finding = parts_found()["dead_letters"]

    assert finding.text.startswith("21 dead letters open (4 of a source of the settings, 4 of an")
    assert finding.facts["open"]["igwn"] == {"no_id": 4}


def test_no_open_dead_letter_is_good(parts_found, database):
    bury(database, 1, state="'resolved'")

    finding = parts_found()["dead_letters"]

    assert (finding.state, finding.facts) == ("ok", {"open": {}})


def test_a_flood_of_dead_letters_is_counted_so_far(parts_found, database):
    bury(database, 10_500)

    finding = parts_found()["dead_letters"]

    assert finding.facts["open"] == {"lsst": {"empty": 10_000}}
    assert finding.text.startswith("10000 or more dead letters open")


def test_a_stopped_stream_says_so_without_its_bookkeeping(parts_found, database):
    run_sql(
        database,
        "INSERT INTO streams (name, stopped_at, reason) VALUES ('lsst', now(), 'unknown schema')",
    )

    finding = parts_found()["listener_lsst"]

    assert (finding.state, finding.facts["partitions"]) == ("down", 0)
    assert finding.text.startswith("stopped: unknown schema")


def test_pending_migrations_are_named(parts_found, monkeypatch):
    monkeypatch.setattr(health_parts, "pending_migrations", lambda: ["streams.abc (Add a table)"])

    found = parts_found()

    assert found["migrations"].state == "down"
    assert found["migrations"].facts == {"pending": ["streams.abc (Add a table)"]}
    assert found["listeners"].state == "unknown"


def test_a_database_that_is_gone_does_not_hide_the_rest(parts_found, monkeypatch):
    monkeypatch.setattr(
        health_parts, "conninfo", lambda: "postgresql://nobody:secret@127.0.0.1:1/none"
    )

    found = parts_found()

    assert (found["postgres"].state, found["listeners"].state) == ("down", "unknown")
    assert (found["redis"].state, found["kafka"].state) == ("ok", "ok")
    assert "127.0.0.1" not in found["postgres"].text


@pytest.mark.django_db
def test_the_page_needs_no_login(parts_found, monkeypatch):
    monkeypatch.setattr(health, "_probe", lambda: Probe(deadline_s=30))

    answer = Client(headers={"host": "localhost"}).get("/health")

    assert answer.status_code == 503  # there is no worker
    assert answer.json()["parts"]["postgres"]["state"] == "ok"
