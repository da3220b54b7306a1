"""A past night played again by the processes that play it in earnest."""

from collections.abc import Callable

import pytest

from tests.database import run_sql
from tests.drill.load import ztf_packets
from tests.e2e.replays.world import EMPTY, NIGHTS, PACKETS
from tests.e2e.system import System, on
from tests.e2e.upkeep import start_upkeep, use_own_redis
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.slow]


def test_a_night_is_played_again_by_the_processes_that_play_it_in_earnest(
    system: System, make_input: Callable[..., str]
):
    use_own_redis(system, RedisDatabase.REPLAYS, NIGHTJAR_RANGES__ALERTS_PER_TASK="20")
    topic = make_input("ztf")
    system.start_listeners("ztf")
    system.start_worker()
    start_upkeep(system)
    system.send(on(topic, ztf_packets(PACKETS)))
    system.wait_until_accounted(PACKETS)
    run_sql(system.environment["NIGHTJAR_POSTGRES__URL"], EMPTY)

    said = system.manage("replay", "ztf", *NIGHTS, "--yes", "--wait")

    assert f"done, {PACKETS} of {PACKETS} (100 %)" in said
    assert f"stored {PACKETS}" in said
    books = system.ledger()
    assert [night["withheld"] for night in books["nights"]] == [PACKETS]
    assert books["balanced"]
