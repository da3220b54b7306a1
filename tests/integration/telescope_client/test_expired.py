"""Commands that came too late: who refuses them, and what is told of it."""

import time

import pytest
from nightjar_telescope.avro import frame
from nightjar_telescope.messages import (
    AckStatus,
    CommandAcknowledgment,
    TelescopeCommand,
)

from tests.integration.telescope_client.world import PATIENCE_S, run, write
from tests.unit.telescope_client.messages import command

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]


def now_ms():
    return time.time_ns() // 1_000_000


def test_commands_that_expired_are_rejected_and_not_carried_out(bus):
    schema_id = bus.register(TelescopeCommand)[TelescopeCommand]
    topic = bus.topic(TelescopeCommand)
    old = now_ms() - 301_000

    def framed(name, **changes):
        return frame(schema_id, command(command_id=name, **changes))

    write(topic, framed("by its age", timestamp=old))
    write(
        topic,
        framed("by its header", timestamp=now_ms()),
        headers=[("expires_at", str(now_ms() - 1).encode())],
    )
    write(topic, framed("cancel", timestamp=old, command_type="cancel_observation"))
    write(
        topic,
        framed("old with time left", timestamp=old),
        headers=[("expires_at", str(now_ms() + 3_600_000).encode())],
    )
    write(topic, framed("bad header", timestamp=now_ms()), headers=[("expires_at", b"soon")])

    async def story():
        found = []
        consumer = bus.consumer(
            TelescopeCommand, auto_offset_reset="latest", source_application="telescope-robotics"
        )

        async def note(message):
            found.append(message.command_id)
            if message.command_id == "bad header":
                await consumer.stop()

        async with consumer:
            await consumer.consume(note)
        async with bus.consumer(CommandAcknowledgment) as answers:
            acks = []
            while len(acks) < 2:
                acks += await answers.poll(1000)
        return found, acks

    found, acks = run(story())

    # A new group reads commands from the beginning, whatever it was told.
    assert found == ["cancel", "old with time left", "bad header"]
    assert [(ack.command_id, ack.status, ack.error_code) for ack in acks] == [
        ("by its age", AckStatus.REJECTED, "expired"),
        ("by its header", AckStatus.REJECTED, "expired"),
    ]
    assert {ack.source_application for ack in acks} == {"telescope-robotics"}
    assert len({ack.ack_id for ack in acks}) == 2


def test_whoever_refuses_by_himself_gets_expired_commands(bus):
    schema_id = bus.register(TelescopeCommand)[TelescopeCommand]
    write(bus.topic(TelescopeCommand), frame(schema_id, command(timestamp=1)))

    async def story():
        consumer = bus.consumer(TelescopeCommand, refuse_expired=False)
        async with consumer:
            return await consumer.poll(int(PATIENCE_S * 1000))

    assert [each.command_id for each in run(story())] == ["cmd-1"]
