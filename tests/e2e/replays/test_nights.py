"""Past nights worked once more, on real Postgres and Kafka."""

from typing import Any

import pytest

from broker.config import config, project_path
from tests.e2e.replays.world import EMPTY, MESSAGES, PACKETS, ReplayWorld, books, counts
from tests.e2e.system import System

pytestmark = [pytest.mark.slow]


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
