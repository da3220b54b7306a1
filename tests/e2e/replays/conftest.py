"""A stream that has worked its packets, to be replayed."""

from collections.abc import Callable, Iterator

import pytest

from broker.config import config
from broker.kafka_types import Message
from tests.e2e import published
from tests.e2e.replays.world import PACKETS, ReplayWorld
from tests.e2e.system import System


@pytest.fixture
def world(
    system: System, make_input: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ReplayWorld]:
    """A stream that has worked its packets."""
    monkeypatch.setenv("NIGHTJAR_RANGES__ALERTS_PER_TASK", "20")
    config.cache_clear()
    made = ReplayWorld(make_input("ztf"), monkeypatch)
    # Keys spread them over both partitions; without, one burst may go to a single one.
    packets = enumerate(made.packets(PACKETS))
    system.send([Message(made.topic, b"%d" % number, value, []) for number, value in packets])
    made.listen()
    yield made
    made.close()


@pytest.fixture
def ends(world: ReplayWorld) -> dict[tuple[str, int], int]:
    """Where the public topics end after the first playing."""
    return published.ends(published.OUTPUTS)
