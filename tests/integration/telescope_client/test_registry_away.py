"""The registry gone under applications that work: producers go on, new consumers wait.

Its port refuses, as that of a killed one does; killed itself it would be missed by every other test
that runs at this moment.
"""

import asyncio
from urllib.parse import urlsplit

import pytest
from nightjar_telescope import UnavailableError
from nightjar_telescope import producer as module
from nightjar_telescope.messages import TelescopeStatus

from broker.config import config
from tests.drill.proxy import LOOPBACK, PASS, REFUSE, Proxy
from tests.unit.telescope_client.messages import status

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

PATIENCE_S = 240.0


@pytest.fixture
def wire(real_registry, set_up):
    """A wire to the registry, which can be broken; made before topics learn its address."""
    url = urlsplit(config().registry.url)
    with Proxy(url.port) as proxy:
        set_up(registry__url=url._replace(netloc=f"{LOOPBACK}:{proxy.port}").geturl())
        yield proxy


def test_a_registry_that_is_away_stops_no_producer_and_loses_nothing(
    wire, bus, monkeypatch, caplog
):
    monkeypatch.setattr(module, "RECHECK_S", 0.0)

    async def story():
        async with bus.producer(TelescopeStatus) as producer:
            await producer.send(status(status_id="before"))
            await producer._recheck
            assert producer.registry_trouble == ""
            wire.set(REFUSE)
            await producer.send(status(status_id="while away"))
            await producer._recheck
            assert "registry http" in producer.registry_trouble
            await producer.send(status(status_id="known to be away"))
            with pytest.raises(UnavailableError, match="registry http"):
                await bus.producer(TelescopeStatus).start()

            async with bus.consumer(TelescopeStatus) as consumer:
                assert await consumer.poll(5000) == []
                assert "registry http" in consumer.trouble
                wire.set(PASS)
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
