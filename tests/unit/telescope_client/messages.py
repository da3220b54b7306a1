"""Messages that may be sent, to be changed in one place by each test."""

from dataclasses import replace
from typing import Any

from nightjar_telescope.messages import (
    AckStatus,
    CommandAcknowledgment,
    Message,
    ObservationBase,
    TelescopeCommand,
    TelescopeData,
    TelescopeStatus,
)


def observation(**changes: Any) -> ObservationBase:
    made = ObservationBase(
        target_name="M 31",
        observation_object="galaxy",
        ra=10.6847,
        dec=41.269,
        center_frequency=1420.0,
        rf_gain=14.0,
        if_gain=15.5,
        bb_gain=20.0,
        observation_type="spectroscopy",
        integration_time=60.0,
        output_filename="m31.fits",
        observation_id="obs-1",
    )
    return replace(made, **changes)


def command(**changes: Any) -> TelescopeCommand:
    """Return a command; what is no field of it is one of its observation."""
    own = {name: changes.pop(name) for name in list(changes) if name in _OF_COMMANDS}
    made = TelescopeCommand("cmd-1", timestamp=1_700_000_000_123)
    return replace(made, **{"observation_request": observation(**changes)} | own)


_OF_COMMANDS = set(TelescopeCommand.__dataclass_fields__)


def acknowledgment(**changes: Any) -> CommandAcknowledgment:
    made = CommandAcknowledgment(
        "ack-1",
        "cmd-1",
        1_700_000_001_000,
        AckStatus.STARTED,
        source_application="telescope-robotics",
        progress_percent=25.0,
    )
    return replace(made, **changes)


def data(**changes: Any) -> TelescopeData:
    made = TelescopeData("obs-1-000007", "obs-1", 7, 1_700_000_002_000, b"\x00\xff" * 3)
    return replace(made, **changes)


def status(**changes: Any) -> TelescopeStatus:
    made = TelescopeStatus("st-1", 1_700_000_003_000, "telescope-robotics", disk_usage_percent=12.5)
    return replace(made, **changes)


def one_of_each() -> list[Message]:
    return [command(), acknowledgment(), data(), status()]
