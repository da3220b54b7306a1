"""What a producer promises: the broker has it, or an error says why not."""

import pytest
from confluent_kafka import Consumer
from nightjar_telescope import InvalidMessageError, NotDeliveredError, RefusedError
from nightjar_telescope import producer as module
from nightjar_telescope.messages import TelescopeCommand, TelescopeData, TelescopeStatus

from broker.kafka import own_connection
from tests.integration.telescope_client.world import PATIENCE_S, login, register_schema, run
from tests.unit.telescope_client import second
from tests.unit.telescope_client.messages import command, data, status

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]


def all_of(topic, count):
    """Return so many messages of a topic, and make sure that there are no more."""
    consumer = Consumer(
        own_connection() | {"group.id": "nightjar-look", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found = []
    while len(found) < count and (message := consumer.poll(PATIENCE_S)) is not None:
        found.append(message)
    more = consumer.poll(1)
    consumer.close()
    assert more is None
    return found


def test_a_batch_keeps_its_order_and_each_message_its_key(bus):
    async def story():
        async with bus.producer(TelescopeData) as producer:
            await producer.send_batch(
                [(data(sequence_number=n, data_id=f"d{n}"), None) for n in range(500)]
            )
            await producer.send(data(data_id="last"), key="another", partition=0)

    run(story())

    found = all_of(bus.topic(TelescopeData), 501)
    assert [each.key() for each in found[:500]] == [f"d{n}".encode() for n in range(500)]
    assert found[500].key() == b"another"


def test_of_a_batch_with_an_invalid_message_nothing_is_sent(bus):
    async def story():
        async with bus.producer(TelescopeData) as producer:
            with pytest.raises(InvalidMessageError, match="sequence_number = 2147483648"):
                await producer.send_batch([(data(), None), (data(sequence_number=2**31), None)])
            with pytest.raises(TypeError, match="takes TelescopeData, not TelescopeStatus"):
                await producer.send(status())
            await producer.send(data(data_id="only"))

    run(story())

    assert [each.key() for each in all_of(bus.topic(TelescopeData), 1)] == [b"only"]


def test_a_schema_that_is_not_registered_is_said_with_its_remedy(bare_bus):
    with pytest.raises(RefusedError, match=r"TelescopeStatus is not registered .*--register"):
        run(bare_bus.producer(TelescopeStatus).start())


def test_a_topic_that_is_not_there_is_said_by_name(bus):
    absent = type(bus)(bus.prefix + "absent.")
    absent.register(TelescopeData)

    with pytest.raises(RefusedError, match=r"absent\.data"):
        run(absent.producer(TelescopeData).start())


def test_a_login_that_is_refused_is_said_at_once(bus):
    wrong = login() | {"sasl.password": "wrong"}

    with pytest.raises(RefusedError, match="uthentication"):
        run(bus.producer(TelescopeData, security=wrong).start())


def test_what_a_login_may_not_write_is_said_and_what_it_may_is_sent(bus):
    async def story():
        async with bus.producer(TelescopeData) as producer:
            await producer.send(data())

    run(story())
    foreign = type(bus)("telescope-of-others.")
    foreign.register(TelescopeData)

    with pytest.raises(RefusedError, match=r"telescope-of-others\.data"):
        run(foreign.producer(TelescopeData).start())


def test_a_message_that_is_too_large_is_refused_and_the_next_one_sent(bus):
    async def story():
        async with bus.producer(TelescopeData, compression_type="none") as producer:
            with pytest.raises(RefusedError, match=r"(?i)size"):
                await producer.send(data(data_payload=bytes(10 * 2**20)))
            await producer.send(data())

    run(story())

    assert len(all_of(bus.topic(TelescopeData), 1)) == 1


def test_what_no_broker_acknowledges_is_said(bus, monkeypatch):
    monkeypatch.setattr(module, "DELIVERY_S", 2.0)

    async def story():
        async with bus.producer(TelescopeData) as producer:
            # A partition that does not exist is nobody's.
            with pytest.raises(NotDeliveredError):
                await producer.send(data(), partition=7)
            await producer.send(data())

    run(story())

    assert len(all_of(bus.topic(TelescopeData), 1)) == 1


def test_before_start_and_after_stop_nothing_is_taken(bus):
    async def story():
        producer = bus.producer(TelescopeData)
        with pytest.raises(RuntimeError, match="not started"):
            await producer.send(data())
        await producer.start()
        await producer.stop()
        with pytest.raises(RuntimeError, match="not started"):
            await producer.send(data())
        await producer.start()
        await producer.send(data())
        await producer.stop()

    run(story())


def test_version_2_is_read_by_applications_of_version_1(bus):
    bus.register(TelescopeCommand)
    sent = command()
    request = second.ObservationBase(**vars(sent.observation_request), filter="g")
    grown = second.TelescopeCommand("cmd-1", sent.command_type, sent.timestamp, request)

    async def story():
        async with bus.producer(second.TelescopeCommand) as producer:
            await producer.send(grown)
        async with bus.consumer(TelescopeCommand, refuse_expired=False) as consumer:
            return await consumer.poll(60_000)

    with pytest.raises(RefusedError, match="not registered"):
        run(bus.producer(second.TelescopeCommand).start())
    register_schema(second.TelescopeCommand, bus.topic(TelescopeCommand))

    assert run(story()) == [sent]
