"""What a consumer hands out, when it is done with it, and what it does with bad messages."""

import asyncio
import struct

import pytest
from nightjar_telescope import RefusedError, UndecodableError
from nightjar_telescope.avro import PREFIX, encode, frame
from nightjar_telescope.messages import (
    CommandAcknowledgment,
    TelescopeData,
)

from tests.integration.telescope_client.world import PATIENCE_S, login, run, write
from tests.unit.telescope_client.messages import acknowledgment, data

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

NOBODYS_ID = 2**31 - 7


def data_ids(bus):
    return bus.register(TelescopeData)[TelescopeData]


def pieces(bus, *numbers):
    schema_id = data_ids(bus)
    return [frame(schema_id, data(sequence_number=n)) for n in numbers]


async def taken(consumer, count):
    """Return the sequence numbers that a consumer calls back with, up to so many."""
    found = []

    async def note(message):
        found.append(message.sequence_number)
        if len(found) == count:
            await consumer.stop()

    await consumer.consume(note)
    return found


def bad_values(bus):
    good = encode(data())
    schema_id = data_ids(bus)
    return {
        "garbage": b"garbage",
        "short": b"\0\0",
        "wrong magic": b"\x01" + struct.pack(">I", schema_id) + good,
        "unknown id": PREFIX.pack(0, NOBODYS_ID) + good,
        "cut": PREFIX.pack(0, schema_id) + good[:-2],
        "longer": PREFIX.pack(0, schema_id) + good + b"\0",
        "tombstone": None,
        "another kind": frame(
            bus.register(CommandAcknowledgment)[CommandAcknowledgment], acknowledgment()
        ),
    }


def test_bad_messages_go_to_the_handler_and_stop_nobody(bus):
    bad = bad_values(bus)
    first, last = pieces(bus, 1, 2)
    write(bus.topic(TelescopeData), first, *bad.values(), last)
    told = []

    async def story():
        consumer = bus.consumer(TelescopeData)
        found = []

        async def note(message):
            found.append(message.sequence_number)
            if message.sequence_number == 2:
                await consumer.stop()

        async def handle(error, record):
            told.append((type(error), record.value, record.offset))

        async with consumer:
            await consumer.consume(note, handle)
        return found

    assert run(story()) == [1, 2]
    assert [(value, offset) for _, value, offset in told] == [
        (value, at) for at, value in enumerate(bad.values(), 1)
    ]
    assert {kind for kind, _, _ in told} == {UndecodableError}


def test_without_a_handler_bad_messages_are_passed_over(bus, caplog):
    write(bus.topic(TelescopeData), b"garbage", *pieces(bus, 1))

    async def story():
        async with bus.consumer(TelescopeData) as consumer:
            return await taken(consumer, 1)

    assert run(story()) == [1]
    assert "offset 0: the first byte is 0x67" in caplog.text


class PowerCutError(Exception):
    """A callback's own trouble."""


async def fail(_):
    raise PowerCutError


def test_what_a_callback_failed_on_comes_again(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1, 2))
    group = bus.group()

    async def first():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            with pytest.raises(PowerCutError):
                await consumer.consume(fail)

    async def second():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            return await taken(consumer, 2)

    run(first())
    assert run(second()) == [1, 2]


def test_what_a_handler_took_is_done(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1, 2))
    group = bus.group()
    told = []

    async def first():
        consumer = bus.consumer(TelescopeData, group_id=group)

        async def handle(error, record):
            told.append((type(error), record.offset))
            await consumer.stop()

        async with consumer:
            await consumer.consume(fail, handle)

    async def second():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            return await taken(consumer, 1)

    run(first())
    assert told == [(PowerCutError, 0)]
    assert run(second()) == [2]


def test_a_callback_that_is_cancelled_has_done_nothing(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1))
    group = bus.group()

    async def first():
        began = asyncio.Event()

        async def hang(_):
            began.set()
            await asyncio.Event().wait()

        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            working = asyncio.create_task(consumer.consume(hang))
            await began.wait()
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working

    async def second():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            return await taken(consumer, 1)

    run(first())
    assert run(second()) == [1]


def test_stop_waits_for_the_callback_under_way_and_counts_it(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1, 2))
    group = bus.group()

    async def first():
        began, may_end, ended = asyncio.Event(), asyncio.Event(), []

        async def work(message):
            began.set()
            await may_end.wait()
            ended.append(message.sequence_number)

        consumer = bus.consumer(TelescopeData, group_id=group)
        await consumer.start()
        working = asyncio.create_task(consumer.consume(work))
        await began.wait()
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        may_end.set()
        await stopping
        await working
        return ended

    async def second():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            return await taken(consumer, 1)

    assert run(first()) == [1]
    assert run(second()) == [2]


def test_polled_messages_are_done_when_more_are_asked_for(bus):
    write(bus.topic(TelescopeData), *pieces(bus, *range(5)))
    group = bus.group()

    async def crash():
        async with bus.consumer(TelescopeData, group_id=group, max_poll_records=2) as consumer:
            found = []
            while len(found) < 4:
                found += [each.sequence_number for each in await consumer.poll(1000)]
            assert found == [0, 1, 2, 3]
            raise PowerCutError

    async def again():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            found = await consumer.poll(int(PATIENCE_S * 1000))
            assert await consumer.poll(100) == []
            return [each.sequence_number for each in found]

    async def nothing_is_left():
        async with bus.consumer(TelescopeData, group_id=group) as consumer:
            return await consumer.poll(5000)

    with pytest.raises(PowerCutError):
        run(crash())
    assert run(again()) == [2, 3, 4]
    assert run(nothing_is_left()) == []


def test_a_poll_that_is_given_up_loses_nothing(bus):
    schema_id = data_ids(bus)

    async def story():
        async with bus.consumer(TelescopeData) as consumer:
            assert await consumer.poll(3000) == []  # joined
            waiting = asyncio.create_task(consumer.poll(20_000))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            write(bus.topic(TelescopeData), frame(schema_id, data(sequence_number=1)))
            return await consumer.poll(30_000)

    assert [each.sequence_number for each in run(story())] == [1]


def test_without_auto_commit_only_commit_counts(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1, 2, 3))
    group = bus.group()
    settings = {"group_id": group, "enable_auto_commit": False}

    async def first():
        async with bus.consumer(TelescopeData, **settings) as consumer:

            async def note(message):
                if message.sequence_number == 1:
                    await consumer.commit()
                if message.sequence_number == 2:
                    await consumer.stop()

            await consumer.consume(note)

    async def second():
        async with bus.consumer(TelescopeData, **settings) as consumer:
            return await taken(consumer, 2)

    run(first())
    assert run(second()) == [2, 3]


def test_a_stream_yields_in_order_and_can_begin_anew(bus):
    write(bus.topic(TelescopeData), *pieces(bus, 1, 2))
    schema_id = data_ids(bus)

    async def story():
        found = []
        async with bus.consumer(TelescopeData) as consumer:
            stream = consumer.stream()
            found += [(await anext(stream)).sequence_number for _ in range(2)]
            await consumer.seek_to_beginning()
            found += [(await anext(stream)).sequence_number for _ in range(1)]
            await consumer.seek_to_end()
            later = asyncio.create_task(anext(stream))
            await asyncio.sleep(1)
            write(bus.topic(TelescopeData), frame(schema_id, data(sequence_number=3)))
            found.append((await later).sequence_number)
        return found

    assert run(story()) == [1, 2, 1, 3]


def test_a_login_that_is_refused_is_said_at_once(bus):
    wrong = login() | {"sasl.password": "wrong"}

    with pytest.raises(RefusedError, match="uthentication"):
        run(bus.consumer(TelescopeData, security=wrong).start())


def test_a_group_without_rights_is_said_by_name(bus):
    async def story():
        async with bus.consumer(TelescopeData, group_id="foreign") as consumer:
            await consumer.poll(30_000)

    with pytest.raises(RefusedError, match=r"(?i)group"):
        run(story())
