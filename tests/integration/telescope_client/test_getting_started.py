"""The programs of docs/telescope-client.md, run as they stand by a team that has the wheel alone."""

import asyncio
import re
import signal
import subprocess
import time

import pytest
from nightjar_telescope.messages import (
    AckStatus,
    CommandAcknowledgment,
    TelescopeCommand,
    TelescopeData,
    TelescopeStatus,
)

from tests.integration.telescope_client.team import TEXT, tca, team
from tests.integration.telescope_client.world import Bus, login
from tests.unit.telescope_client.messages import command

__all__ = ["tca", "team"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

PATIENCE_S = 120.0
END_S = 60


async def heard(consumer, is_enough):
    found = []
    while not is_enough(found):
        found += await consumer.poll(1000)
    return found


def end(process, log):
    """End a program as a person at its terminal does; one that goes on shows where it stands."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        process.wait(END_S)
        pytest.fail(log.read_text())


def sent(command_id, **changes):
    now_ms = time.time_ns() // 1_000_000
    return command(command_id=command_id, timestamp=now_ms, **changes)


def test_the_programs_of_the_page_take_commands_and_answer(tca, team):
    bus = Bus(tca.prefix)
    robotics, log = team("robotics.py")
    heartbeat, beats = team("heartbeat.py")
    short = sent("short", observation_id="one", integration_time=0.1)
    long = sent("long", observation_id="two", integration_time=3600.0)
    cancel = sent("cancel", observation_id="two", command_type="cancel_observation")
    idle = sent("idle", observation_id="three", command_type="cancel_observation")
    late = command(command_id="late", timestamp=1)

    async def story():
        async with asyncio.timeout(PATIENCE_S), bus.producer(TelescopeCommand) as control:
            await control.send_batch([(each, None) for each in (late, short, short, long)])
            async with bus.consumer(CommandAcknowledgment) as consumer:
                acks = await heard(consumer, lambda found: len(found) == 6)
                await control.send_batch([(cancel, None), (idle, None)])
                acks += await heard(consumer, lambda found: len(found) == 5)
            async with bus.consumer(TelescopeStatus) as consumer:
                statuses = await heard(consumer, bool)
        return acks, statuses

    try:
        acks, statuses = asyncio.run(story())
    except TimeoutError:
        pytest.fail(log.read_text())

    def told(command_id):
        return [(a.status, a.error_code) for a in acks if a.command_id == command_id]

    assert told("late") == [(AckStatus.REJECTED, "expired")]
    assert told("short") == [
        (AckStatus.RECEIVED, None),
        (AckStatus.STARTED, None),
        (AckStatus.COMPLETED, None),
    ]
    assert told("long") == [
        (AckStatus.RECEIVED, None),
        (AckStatus.STARTED, None),
        (AckStatus.FAILED, "cancelled"),
    ]
    assert told("cancel") == [(AckStatus.RECEIVED, None), (AckStatus.COMPLETED, None)]
    assert told("idle") == [(AckStatus.RECEIVED, None), (AckStatus.REJECTED, "nothing_to_do")]
    assert {each.source_application for each in acks} == {"robotics"}
    assert (statuses[0].component, statuses[0].source_application) == ("mount", "robotics")
    assert robotics.poll() is None
    end(robotics, log)
    end(heartbeat, beats)


def test_the_program_that_sends_data_sends_all_of_them_in_order(tca, team):
    team.said("data.py")

    async def story():
        consumer = Bus(tca.prefix).consumer(TelescopeData, security=login("admin"))
        async with asyncio.timeout(PATIENCE_S), consumer:
            return await heard(consumer, lambda found: len(found) == 3)

    found = asyncio.run(story())
    assert [(one.data_id, one.sequence_number, one.data_payload) for one in found] == [
        ("tca-0197-000000", 0, b"first"),
        ("tca-0197-000001", 1, b"second"),
        ("tca-0197-000002", 2, b"last"),
    ]
    assert {one.observation_id for one in found} == {"tca-0197"}


def test_every_program_of_the_pages_is_run():
    names = re.findall(r"<!-- (\w+\.py): a test runs it as it stands -->\n```python", TEXT)

    assert TEXT.count("```python") == len(names)
    assert names == ["robotics.py", "heartbeat.py", "data.py", "confluent.py", "check.py"]
