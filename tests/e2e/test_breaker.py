"""The breaker on the real parts: most packets bad, the stream stands; mended, every one arrives."""

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.surveys.lsst import package_schema
from tests import hostile
from tests.e2e import system as systems
from tests.e2e.system import ACCOUNTED_WITHIN_S, System, on
from tests.e2e.upkeep import start_upkeep, use_own_redis
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.slow]

UNKNOWN_ID = 9999
FAR = [(10.0, -85.0, 0.9, 18.0)]


def packet(number: int) -> bytes:
    """Return a good packet; the first 60 of each 100 name a schema that nobody knows."""
    place = {"ra": 150.0 + 0.1 * (number % 100), "dec": 20.0 + number // 100}
    value = hostile.good("lsst", diaSourceId=(1 << 58) + number, diaObjectId=7000 + number, **place)
    is_bad = number % 10 < 6
    return struct.pack(">bI", 0, UNKNOWN_ID) + value[5:] if is_bad else value


def wait_for(is_so: Callable[[], bool], system: System) -> None:
    give_up_at = time.monotonic() + ACCOUNTED_WITHIN_S
    while not is_so():
        assert time.monotonic() < give_up_at, system._why(100)
        time.sleep(0.2)


@pytest.fixture
def stopped(
    system: System, make_input: Callable[..., str], load_lspsc: Callable[..., None], tmp_path: Path
) -> tuple[System, str]:
    """A stream that stands after 60 bad packets of 100, and its topic."""
    use_own_redis(
        system,
        RedisDatabase.BREAKER,
        NIGHTJAR_RANGES__ALERTS_PER_TASK="20",
        NIGHTJAR_LSST__SCHEMA_DIR=str(tmp_path / "schemas"),
    )
    load_lspsc(FAR)
    topic = make_input("lsst", partitions=1)
    system.start_listeners("lsst")
    system.start_worker()
    start_upkeep(system)
    system.send(on(topic, [packet(number) for number in range(100)]))
    wait_for(lambda: stop_reason(system) is not None, system)
    return system, topic


def stop_reason(system: System) -> str | None:
    found = system.sql("SELECT reason FROM streams WHERE stopped_at IS NOT NULL")
    return found[0][0] if found else None


def states(system: System) -> dict[str, int]:
    return dict(system.sql("SELECT state, count(*) FROM dead_letters GROUP BY 1"))


def test_a_stream_stands_runs_again_and_its_letters_become_alerts(
    stopped: tuple[System, str], tmp_path: Path
) -> None:
    system, topic = stopped
    assert stop_reason(system) == (
        "60 of the last 100 packets became dead letters, most often unknown_schema"
    )
    log = (system.logs / "listen-lsst.log").read_text()
    assert "manage.py accept_schema FILE --retry" in log

    system.send(on(topic, [packet(number) for number in range(106, 110)]))
    time.sleep(3)  # long enough for a listener that does not stand
    assert states(system) == {"open": 60}
    assert system.sql("SELECT count(*) FROM alerts") == [(40,)]

    said = system.manage("resume", "lsst")
    assert "lsst runs again" in said
    books = system.wait_until_accounted(104)
    assert systems.totals(books, "dead_letters") == {"unknown_schema": 60}
    assert systems.totals(books, "dead_letter_states") == {"open": 60}

    file = tmp_path / "new.avsc"
    schema = package_schema(hostile.LSST_SCHEMA_ID)
    file.write_text(json.dumps({k: v for k, v in schema.items() if not k.startswith("__")}))
    said = system.manage("accept_schema", str(file), "--id", str(UNKNOWN_ID), "--retry")
    assert "60 of 60 dead letters are sent once more." in said
    wait_for(lambda: states(system) == {"resolved": 60}, system)

    books = system.wait_until_accounted(104)
    assert systems.totals(books, "dead_letters") == {}
    assert sum(systems.totals(books, "published").values()) == 104
    assert books["balanced"]
