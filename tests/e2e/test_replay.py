"""Past nights and single packets worked once more, on real Postgres and Kafka."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from redis import Redis

from broker.avro import Containers
from broker.config import config, project_path
from broker.db import transaction
from broker.kafka_types import Message
from broker.ranges import replays
from broker.ranges.doubts import Doubts
from broker.ranges.replays import ReplayError
from broker.ranges.whereabouts import ask_brokers
from pipeline.alerts import ledger, replay_tasks
from pipeline.surveys import ztf
from tests.database import run_sql
from tests.drill.load import ztf_packets
from tests.e2e import system as systems
from tests.e2e.replay_world import EMPTY, NIGHTS, OUTPUTS, ReplayWorld
from tests.e2e.system import System, on

pytestmark = [pytest.mark.slow]

REDIS_DATABASE = 11
PACKETS = 60
MESSAGES = 2 * PACKETS
"""Each packet of these tests goes to a class topic and to babamul.none."""


@pytest.fixture
def world(
    system: System, make_input: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ReplayWorld]:
    """A stream that has worked its packets."""
    monkeypatch.setenv("NIGHTJAR_RANGES__ALERTS_PER_TASK", "20")
    config.cache_clear()
    made = ReplayWorld(make_input("ztf"), monkeypatch)
    system.send(on(made.topic, made.packets(PACKETS)))
    made.listen()
    yield made
    made.close()


@pytest.fixture
def ends(world: ReplayWorld) -> dict[tuple[str, int], int]:
    """Where the public topics end after the first playing."""
    return systems.ends(OUTPUTS)


def books() -> ledger.Ledger:
    with transaction() as session:
        return ledger.read(session)


def counts() -> dict[str, int]:
    return ledger.by_stream(books())["ztf"]


@pytest.mark.parametrize("source", ["kafka", "archive"])
def test_a_night_comes_back_into_an_emptied_table(world: ReplayWorld, ends, source: str):
    before = world.science()
    size = world.value("SELECT sum(archive_length) FROM alerts")
    assert len(before[0]) == PACKETS
    world.do(EMPTY)
    if source == "archive":
        world.forget()

    said = world.replay()

    assert f"from {'Kafka' if source == 'kafka' else 'the archive'}: {PACKETS} offsets" in said
    assert (
        f"stored already 0 · duplicates 0 · in dead letters 0 · without a message 0 · missing {PACKETS}"
        in said
    )
    assert f"{PACKETS} offsets, about {size / 1e6:,.1f} MB" in said
    assert ("forgotten" in said) == (source == "archive")
    assert "publishes nothing" in said
    assert world.science() == before
    assert books().is_balanced
    assert counts() | {"withheld": PACKETS, "published": 0, "waiting": 0} == counts()
    assert world.sent_since(ends) == {}
    replay = world.last_replay()
    assert (replay.state, replay.read_count, replay.stored_count) == ("done", PACKETS, PACKETS)
    assert (replay.missing_count, replay.error) == (0, None)
    assert world.rows("SELECT 1 FROM stream_ranges WHERE replay_id > 0") == []


def test_a_replay_from_the_archive_appends_nothing_to_it_and_rows_point_into_it(world, tmp_path):
    sizes = {file: file.stat().st_size for file in tmp_path.rglob("*.seg")}
    before = world.rows("SELECT candid, archive_segment_id, archive_start FROM alerts ORDER BY 1")
    world.do(EMPTY)

    world.replay("--source", "archive")

    assert {file: file.stat().st_size for file in tmp_path.rglob("*.seg")} == sizes
    after = world.rows("SELECT candid, archive_segment_id, archive_start FROM alerts ORDER BY 1")
    assert after == before


def test_all_sends_every_message_once_more_with_its_delivery_id_and_a_second_run_is_harmless(
    world: ReplayWorld, ends
):
    first = world.sent_since(dict.fromkeys(ends, 0))
    before = world.science()

    said = world.replay("--publish", "all")

    assert f"PUBLISHES EVERYTHING AGAIN: {MESSAGES} messages" in said
    again = world.sent_since(ends)
    assert set(again) == set(first)
    assert set(again.values()) == {1}
    assert len(again) == MESSAGES
    assert counts()["published"] == PACKETS
    world.replay("--publish", "none")
    world.replay("--publish", "new")
    assert world.science() == before
    assert sum(world.sent_since(ends).values()) == MESSAGES


def test_new_sends_what_was_withheld_and_nothing_else(world: ReplayWorld, ends):
    gone = world.rows("SELECT id FROM alerts ORDER BY source_partition, source_offset LIMIT 7")
    world.do("DELETE FROM alerts WHERE id = ANY(:ids)", ids=[row.id for row in gone])
    world.replay()
    assert counts()["withheld"] == 7

    said = world.replay("--publish", "new")

    assert "publishes 14 messages that were never sent" in said
    sent = world.sent_since(ends)
    assert (len(sent), set(sent.values())) == (14, {1})
    assert counts() | {"withheld": 0, "published": PACKETS, "waiting": 0} == counts()


def test_at_most_a_window_is_in_flight_and_emptied_bookkeeping_costs_only_work(
    world: ReplayWorld, ends
):
    before = world.science()
    world.do(EMPTY)
    world.ask("--publish", "new")
    rung = world.step()
    assert len(rung) == 4
    assert world.step() == []
    world.work(*rung[0])
    world.work(*rung[1])
    world.do("TRUNCATE stream_ranges")

    world.carry_on()

    assert world.science() == before
    sent = world.sent_since(ends)
    assert (len(sent), set(sent.values())) == (MESSAGES, {1})
    assert books().is_balanced


@pytest.mark.parametrize("point", ["after_archive", "after_store", "after_ack"])
def test_a_worker_killed_in_mid_replay_costs_nothing(
    world: ReplayWorld, system: System, ends, point: str
):
    before = world.science()
    world.do(EMPTY)
    world.ask("--publish", "new")
    rung = world.step()
    world.die_at(point, system, *rung[0])
    for arguments in rung[1:]:
        world.work(*arguments)
    assert [row.state for row in world.rows("SELECT state FROM stream_ranges")].count("running")
    world.do("UPDATE stream_ranges SET lease_until = now() WHERE state = 'running'")

    world.carry_on()

    assert world.science() == before
    sent = world.sent_since(ends)
    size = rung[0][4] - rung[0][3] + 1
    repeated = 2 * size if point == "after_ack" else 0
    assert (len(sent), sum(sent.values())) == (MESSAGES, MESSAGES + repeated)
    assert books().is_balanced
    assert world.rows("SELECT 1 FROM dead_letters") == []


def test_a_packet_that_is_nowhere_is_named_and_buried_only_if_no_row_knows_it(
    world: ReplayWorld, tmp_path
):
    world.forget()
    [kept] = world.rows(
        "SELECT source_partition, source_offset, archive_start FROM alerts"
        " WHERE source_offset = 3 AND source_partition = 0"
    )
    [lost] = world.rows(
        "SELECT id, source_partition, source_offset, archive_start FROM alerts"
        " WHERE source_offset = 5 AND source_partition = 0"
    )
    for row in (kept, lost):
        damage(world, row)
    world.do("DELETE FROM alerts WHERE id = :id", id=lost.id)

    world.replay()

    replay = world.last_replay()
    assert (replay.state, replay.missing_count, replay.dead_count) == ("done", 2, 1)
    assert "3, 5" in replay.error
    letters = world.rows("SELECT source_offset, reason, state FROM dead_letters")
    assert letters == [(5, "expired_offsets", "open")]
    assert books().is_balanced


def damage(world: ReplayWorld, row: Any) -> None:
    """Change a byte of a packet in the archive."""
    [(path,)] = world.rows(
        "SELECT path FROM archive_segments WHERE id IN (SELECT archive_segment_id FROM alerts"
        " WHERE source_partition = :partition AND source_offset = :offset)",
        partition=row.source_partition,
        offset=row.source_offset,
    )
    with (project_path(config().archive.path) / path).open("r+b") as file:
        file.seek(row.archive_start)
        byte = file.read(1)
        file.seek(row.archive_start)
        file.write(bytes([byte[0] ^ 0xFF]))


def test_a_cancelled_replay_cuts_no_more_and_takes_back_what_it_asked_for(world: ReplayWorld, ends):
    world.ask("--publish", "all")
    [first, *_] = world.step()
    assert counts()["waiting"] == PACKETS
    world.work(*first)
    replay_id = world.last_replay().id
    call_command("replay", cancel=replay_id)

    world.carry_on()

    assert world.last_replay().state == "cancelled"
    assert counts()["waiting"] == 0
    assert len(world.sent_since(ends)) == 2 * (first[4] - first[3] + 1)
    assert world.rows("SELECT 1 FROM stream_ranges WHERE replay_id > 0") == []
    with pytest.raises(CommandError, match=f"replay {replay_id} is cancelled"):
        call_command("replay", cancel=replay_id)


def test_a_stopped_stream_is_not_replayed(world: ReplayWorld):
    world.ask()
    world.do("INSERT INTO streams (name, stopped_at, reason) VALUES ('ztf', now(), 'rubbish')")

    assert world.step() == []
    assert world.last_replay().error.startswith("waiting: ztf is stopped (rubbish)")
    with pytest.raises(CommandError, match="ztf is stopped: rubbish"):
        world.ask()
    world.do("DELETE FROM streams")
    world.carry_on()
    assert (world.last_replay().state, world.last_replay().error) == ("done", None)


def test_a_topic_made_anew_ends_a_replay_that_reads_it(world: ReplayWorld, monkeypatch):
    monkeypatch.setattr(replay_tasks, "_doubts", Doubts(0))
    world.ask("--source", "kafka")
    world.do("UPDATE sources SET topic_id = 'another'")

    assert world.step() == []

    replay = world.last_replay()
    assert replay.state == "failed"
    assert "gone from Kafka, or made anew" in replay.error


def test_what_cannot_be_is_said(world: ReplayWorld):
    with pytest.raises(CommandError, match="--from 2026-02-01 lies after --to 2026-01-01"):
        call_command("replay", "ztf", "--from", "2026-02-01", "--to", "2026-01-01")
    with pytest.raises(CommandError, match="nothing of ztf to replay from 2020-01-01"):
        call_command("replay", "ztf", "--from", "2020-01-01", "--yes")
    with pytest.raises(CommandError, match="invalid choice: 'gaia'"):
        call_command("replay", "gaia", "--from", "2020-01-01")
    with pytest.raises(CommandError, match="no packet of lsst was ever read"):
        call_command("replay", "lsst", "--from", "2020-01-01")
    world.ask()
    with pytest.raises(CommandError, match="has nights in common and is not finished"):
        world.ask()
    world.carry_on()


def test_nothing_happens_where_nobody_says_yes(world: ReplayWorld):
    with pytest.raises(CommandError, match="nobody can answer here"):
        call_command("replay", "ztf", *NIGHTS)
    call_command("replay", "ztf", *NIGHTS, "--dry-run")
    assert world.rows("SELECT 1 FROM replays") == []


# Dead letters


@pytest.fixture
def buried(system: System, world: ReplayWorld, monkeypatch) -> ReplayWorld:
    """The world after four packets whose schema nobody had allowed."""
    more = world.packets(PACKETS + 4)[PACKETS:]
    with monkeypatch.context() as patch:
        forbid(patch)
        system.send(Message(world.topic, None, value, []) for value in more)
        world.listen()
    return world


def forbid(patch: pytest.MonkeyPatch) -> None:
    """Let no schema be allowed, as on the first night of a new one."""
    patch.setattr(ztf, "_containers", lambda: Containers(lambda _: False))


def letters(world: ReplayWorld) -> list:
    return world.rows(
        "SELECT id, state, reason, attempts, resolved_by FROM dead_letters ORDER BY id"
    )


def retry(ids: Sequence[int]) -> int:
    """Ask for letters once more, as an operator does."""
    brokers = ask_brokers(ids)
    with transaction() as session:
        return replays.retry_letters(session, ids, "an operator", brokers)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_letter_is_tried_again_after_its_cause_was_mended(
    buried: ReplayWorld, ends, is_forgotten: bool
):
    before = counts()
    assert before["dead_letters"] == 4
    if is_forgotten:
        buried.forget()
    ids = [row.id for row in letters(buried)]

    assert retry(ids[:3]) == 3
    assert retry(ids[:3]) == 0
    assert [row.state for row in letters(buried)] == ["retried"] * 3 + ["open"]
    buried.carry_on()

    after = counts()
    assert after["dead_letters"] == 1
    assert after["published"] == before["published"] + 3
    assert after["received"] == before["received"]
    assert books().is_balanced
    assert [row.state for row in letters(buried)] == ["resolved"] * 3 + ["open"]
    sent = buried.sent_since(ends)
    assert (len(sent), set(sent.values())) == (6, {1})
    [read_from] = {row[0] for row in buried.rows("SELECT read_from FROM replay_places")}
    assert read_from == ("archive" if is_forgotten else "kafka")


def test_a_letter_that_fails_again_is_open_again(buried: ReplayWorld, monkeypatch):
    forbid(monkeypatch)
    ids = [row.id for row in letters(buried)]
    retry(ids)

    buried.carry_on()

    assert [(row.state, row.attempts) for row in letters(buried)] == [("open", 2)] * 4
    assert counts()["dead_letters"] == 4


def test_letters_of_a_cancelled_replay_are_open_again(buried: ReplayWorld):
    ids = [row.id for row in letters(buried)]
    retry(ids)
    with transaction() as session:
        replays.cancel(session, 1, "an operator")

    assert [row.state for row in letters(buried)] == ["open"] * 4
    buried.carry_on()
    assert [(row.state, row.attempts) for row in letters(buried)] == [("open", 1)] * 4


def test_a_letter_whose_packet_is_nowhere_is_refused_and_none_is_taken(
    buried: ReplayWorld, tmp_path
):
    buried.forget()
    for file in tmp_path.rglob("*.seg"):
        file.unlink()
    ids = [row.id for row in letters(buried)]

    with pytest.raises(ReplayError, match="the archive does not have it") as refused:
        retry(ids)

    assert refused.value.refused.keys() == set(ids)
    assert [row.state for row in letters(buried)] == ["open"] * 4
    assert buried.rows("SELECT 1 FROM replays") == []


def test_a_packet_that_killed_its_worker_is_tried_again_by_its_coordinates(
    world: ReplayWorld, ends
):
    [row] = world.rows(
        "DELETE FROM alerts WHERE source_partition = 1 AND source_offset = 4"
        " RETURNING source_id, outputs"
    )
    world.do(
        "INSERT INTO dead_letters (stream, topic, source_id, source_partition, source_offset,"
        " last_offset, reason, message) VALUES ('ztf', :topic, :source, 1, 4, 4, 'worker_died', '')",
        topic=world.topic,
        source=row.source_id,
    )
    world.forget()

    retry([letters(world)[0].id])
    world.carry_on()

    assert [row.state for row in letters(world)] == ["resolved"]
    assert len(world.sent_since(ends)) == 2
    assert counts()["published"] == PACKETS


def test_a_message_that_was_too_large_is_sent_when_it_fits(world: ReplayWorld, ends):
    [row] = world.rows(
        "SELECT id, source_id FROM alerts WHERE source_partition = 1 AND source_offset = 4"
    )
    world.do(
        "INSERT INTO dead_letters (stream, topic, source_id, source_partition, source_offset,"
        " last_offset, reason, message) VALUES ('ztf', :topic, :source, 1, 4, 4, 'too_large', '')",
        topic=world.topic,
        source=row.source_id,
    )
    assert counts() | {"dead_letters": 1, "published": PACKETS - 1} == counts()

    retry([letters(world)[0].id])
    world.carry_on()

    assert [row.state for row in letters(world)] == ["resolved"]
    assert len(world.sent_since(ends)) == 2
    assert counts() | {"dead_letters": 0, "published": PACKETS} == counts()


def test_packets_of_a_topic_that_was_made_anew_come_from_the_archive_under_their_old_source(
    world: ReplayWorld,
):
    before = world.science()
    world.do("UPDATE sources SET topic_id = 'an older log'")
    world.do(EMPTY)

    said = world.replay()

    assert f"from the archive: {PACKETS} offsets" in said
    assert "from Kafka" not in said
    assert world.science() == before
    assert world.value("SELECT count(*) FROM sources") == 1
    assert books().is_balanced


def test_a_night_is_played_again_by_the_processes_that_play_it_in_earnest(
    system: System, make_input: Callable[..., str]
):
    celery = ("-m", "celery", "-A", "broker.celery")
    worker = ("worker", "-Q", "upkeep", "--concurrency", "1", "--hostname", "upkeep@%h")
    options = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
    redis_url = f"{config().redis.url.get_secret_value().rpartition('/')[0]}/{REDIS_DATABASE}"
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    system.environment = {
        **system.environment,
        "NIGHTJAR_REDIS__URL": redis_url,
        "NIGHTJAR_RANGES__ALERTS_PER_TASK": "20",
    }
    topic = make_input("ztf")
    system.start_listeners("ztf")
    system.start_worker()
    system.start("upkeep", *celery, *worker, *options, REMAP_SIGTERM="SIGQUIT")
    system.start("beat", *celery, "beat", "--loglevel", "WARNING", "--pidfile", "")
    system.send(on(topic, ztf_packets(PACKETS)))
    system.wait_until_accounted(PACKETS)
    run_sql(system.environment["NIGHTJAR_POSTGRES__URL"], EMPTY)

    said = system.manage("replay", "ztf", *NIGHTS, "--yes", "--wait")

    assert f"done, {PACKETS} of {PACKETS} (100 %)" in said
    assert f"stored {PACKETS}" in said
    books = system.ledger()
    assert [night["withheld"] for night in books["nights"]] == [PACKETS]
    assert books["balanced"]
