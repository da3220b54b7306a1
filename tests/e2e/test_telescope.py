"""From an operator's program to a telescope and back: every process, the real broker and registry."""

from collections import Counter

import pytest

from pipeline.simulate.telescope import Manners, spectrum
from tests.e2e import telescopes
from tests.e2e.published import consume
from tests.e2e.telescopes import HANDLER, LISTENERS, ROBOTICS

pytestmark = pytest.mark.slow

CHUNKS, CHUNK_BYTES = 12, 1000
INTEGRATION_S, SPEED = 400.0, "10"
STAGES = [("received", None), ("started", None), *(("started", n) for n in (25, 50, 75))]


@pytest.fixture
def bus(system, real_registry):
    with telescopes.running(system) as running:
        yield running


def test_a_command_completes_and_its_data_are_stored_once_though_both_listeners_are_killed(bus):
    bus.play(ROBOTICS, "--speed", SPEED)
    data = ("--chunks", str(CHUNKS), "--chunk-bytes", str(CHUNK_BYTES))
    bus.play(HANDLER, "--speed", SPEED, *data, "--duplicate", "0.3")
    bus.wait_until_heard()

    command_id = bus.ask(INTEGRATION_S)
    bus.wait_for(command_id, "started")
    bus.wait(lambda: stored(bus), "the first piece of data")
    for stream in LISTENERS:
        bus.system.kill(f"listen-{stream}")
    assert bus.command(command_id)["state"] == "started"
    assert len(stored(bus)) < CHUNKS
    bus.system.start_listeners(*LISTENERS)

    done = bus.wait_for(command_id, "completed")
    times = [
        done[f"{stage}_at"] for stage in ("created", "sent", "received", "started", "finished")
    ]
    assert times == sorted(times)
    assert done["progress_percent"] == 100
    words = {
        (application, *stage): 1
        for application in (ROBOTICS, HANDLER)
        for stage in [*STAGES, ("completed", 100)]
    }
    # The first of the two that says so completes a command: the other may still have to speak.
    bus.wait(lambda: sum(said(bus, command_id).values()) >= len(words), "the last word of both")
    assert said(bus, command_id) == words
    assert len(consume([bus.telescope.commands], {})) == 1
    bus.wait(lambda: len(stored(bus)) == CHUNKS, "the last piece of data")
    place, manners = done["observation_id"], Manners(chunk_bytes=CHUNK_BYTES)
    assert stored(bus) == {f"{place}-{n:06d}": spectrum(place, n, manners) for n in range(CHUNKS)}
    assert bus.rest(f"observations/{place}/data")["count"] == CHUNKS
    assert bus.system.sql("SELECT reason FROM dead_letters") == []


def stored(bus):
    rows = bus.system.sql("SELECT data_id, data FROM telescope_data_raw")
    return {data_id: bytes(data) for data_id, data in rows}


def said(bus, command_id):
    """Count what each application acknowledged, with its progress."""
    return Counter(
        bus.system.sql(
            "SELECT source_application, status, progress_percent FROM telescope_acknowledgments"
            " WHERE command_id = %s AND disposition <> 'duplicate'",
            command_id,
        )
    )
