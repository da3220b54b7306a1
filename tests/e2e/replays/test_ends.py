"""Replays that are cancelled, wait, fail, or never begin."""

import pytest
from django.core.management import CommandError, call_command

from broker.ranges.doubts import Doubts
from pipeline.alerts import replay_tasks
from tests.e2e.replays.world import NIGHTS, PACKETS, ReplayWorld, counts

pytestmark = [pytest.mark.slow]


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
