"""Packets of dead letters worked once more, on real Postgres and Kafka."""

from collections.abc import Sequence

import pytest

from broker.avro import Containers
from broker.db import transaction
from broker.kafka_types import Message
from broker.ranges import replays
from broker.ranges.replays import ReplayError
from broker.ranges.whereabouts import ask_brokers
from pipeline.surveys import ztf
from tests.e2e.replays.world import PACKETS, ReplayWorld, books, counts
from tests.e2e.system import System

pytestmark = [pytest.mark.slow]


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
