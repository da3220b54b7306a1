"""The registry killed under applications that work: producers go on, new consumers wait."""

import asyncio

import pytest
from nightjar_telescope import UnavailableError
from nightjar_telescope import producer as module
from nightjar_telescope.messages import TelescopeStatus

from tests.unit.telescope_client.messages import status

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

PATIENCE_S = 240.0


@pytest.fixture
def away(real_registry):
    """Return a function that kills the registry, as if its machine had failed; it is started again."""
    yield lambda: real_registry.native.kill("registry")
    real_registry.native.must("up", "registry")


def test_a_registry_that_is_killed_stops_no_producer_and_loses_nothing(
    bus, real_registry, away, monkeypatch, caplog
):
    monkeypatch.setattr(module, "RECHECK_S", 0.0)

    async def story():
        async with bus.producer(TelescopeStatus) as producer:
            await producer.send(status(status_id="before"))
            await producer._recheck
            assert producer.registry_trouble == ""
            await asyncio.to_thread(away)
            await producer.send(status(status_id="while away"))
            await producer._recheck
            assert "registry http" in producer.registry_trouble
            await producer.send(status(status_id="known to be away"))
            with pytest.raises(UnavailableError, match="registry http"):
                await bus.producer(TelescopeStatus).start()

            async with bus.consumer(TelescopeStatus) as consumer:
                assert await consumer.poll(5000) == []
                assert "registry http" in consumer.trouble
                await asyncio.to_thread(real_registry.native.must, "up", "registry")
                found = []
                while len(found) < 3:
                    found += await consumer.poll(1000)
                assert consumer.trouble == ""

            await producer.send(status(status_id="after"))
            await producer._recheck
            assert producer.registry_trouble == ""
        return [each.status_id for each in found]

    async def within_time():
        async with asyncio.timeout(PATIENCE_S):
            return await story()

    assert asyncio.run(within_time()) == ["before", "while away", "known to be away"]
    assert "sending goes on with schema id" in caplog.text
    assert "messages wait" in caplog.text
    assert "messages come again" in caplog.text
