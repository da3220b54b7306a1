"""A retracted event takes back the tiles that telescopes were asked for: notice to telescope."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.config import config
from broker.kafka_types import Message
from tests.e2e import telescopes
from tests.e2e.follow_up import own_topics
from tests.e2e.site import start_worker
from tests.e2e.telescopes import ROBOTICS
from tests.gw_notices import as_bytes, make_notice
from tests.integration.telescope.conftest import word

pytestmark = pytest.mark.slow

FIRST, SECOND = "S260102ab", "S260102ac"
LONG_S = 3600.0
CANCEL_TOO = {"NIGHTJAR_TELESCOPE__CANCEL_ON_RETRACTION": "true"}


@pytest.fixture
def away():
    """Name of a telescope whose topics nobody made: what it is asked for cannot be sent."""
    return word()


@pytest.fixture
def bus(system, real_registry, away):
    waits = {"NIGHTJAR_TELESCOPE__RECEIVE_WITHIN_S": "3600"}
    with own_topics(system), telescopes.running(system, away, **waits) as running:
        system.start_listeners("igwn")
        running.play(ROBOTICS)
        yield running


def notify(bus, event, alert_type="PRELIMINARY", **given):
    """Put a notice that was made just now on GCN's topic."""
    now = datetime.now(UTC)
    changes = {"time": (now - timedelta(minutes=2)).isoformat()}
    made = make_notice(
        changes, superevent_id=event, alert_type=alert_type, time_created=now.isoformat(), **given
    )
    if alert_type == "RETRACTION":
        made["event"] = None
    topic = f"{config().gcn.topic_prefix}igwn.gwalert"
    bus.system.send([Message(topic, None, as_bytes(made), [])])
    bus.wait(lambda: alert_type in told(bus, event), f"{alert_type} of {event}")


def told(bus, event):
    rows = bus.system.sql('SELECT alert_type FROM gw_alerts WHERE "triggerId" = %s', event)
    return {alert_type for (alert_type,) in rows}


def ask_for_tile(bus, event, tile_id, **more):
    tile = {"trigger_id": event, "tile_id": str(tile_id), "is_confirmed": True}
    return bus.ask(LONG_S, **tile, **more)


def wait_until_withdrawn(bus, event):
    steps = (
        "SELECT gw_steps.state FROM gw_steps JOIN gw_alerts USING (id_gw)"
        " WHERE step = 'withdraw' AND \"triggerId\" = %s"
    )
    bus.wait(lambda: bus.system.sql(steps, event) == [("done",)], "the withdrawal")


def acknowledged(bus, command_id):
    return bus.system.sql(
        "SELECT status, error_code FROM telescope_acknowledgments WHERE command_id = %s"
        " ORDER BY id",
        command_id,
    )


def cancels_of(bus, command_id):
    rows = bus.system.sql(
        "SELECT command_id FROM telescope_commands WHERE cancels = %s", command_id
    )
    return [found for (found,) in rows]


def test_unsent_tiles_are_withdrawn_and_running_ones_cancelled_only_where_settings_say_so(
    bus, away
):
    start_worker(bus.system, "gw", concurrency=1)
    notify(bus, FIRST)
    kept = ask_for_tile(bus, FIRST, 1)
    unsent = ask_for_tile(bus, FIRST, 2, telescope=away)
    bus.wait_for(kept, "started")

    notify(bus, FIRST, "RETRACTION")
    wait_until_withdrawn(bus, FIRST)

    bus.wait_for(unsent, "cancelled")  # its sender may be at it just now
    assert bus.command(kept)["state"] == "started"
    assert cancels_of(bus, kept) == []

    bus.system.stop("worker-gw")
    bus.system.environment = {**bus.system.environment, **CANCEL_TOO}
    start_worker(bus.system, "gw", concurrency=1)
    notify(bus, SECOND)
    taken = ask_for_tile(bus, SECOND, 3)
    bus.wait_for(taken, "started")

    notify(bus, SECOND, "RETRACTION")
    wait_until_withdrawn(bus, SECOND)

    done = bus.wait_for(taken, "cancelled")
    assert done["trigger_id"] == SECOND
    [cancel] = cancels_of(bus, taken)
    bus.wait_for(cancel, "completed")
    assert ("failed", "cancelled") in acknowledged(bus, taken)
    assert [status for status, _ in acknowledged(bus, cancel)] == ["received", "completed"]
    assert bus.command(kept)["state"] == "started"
