"""A workspace of Slack for tests: the project's own stand-in, on a free port."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.config import build
from pipeline.clients.slack import Slack, connect
from pipeline.simulate.serving import running
from pipeline.simulate.slack.server import StandIn
from pipeline.simulate.slack.workspace import Channel, Workspace

TOKEN, SECRET = "xoxb-test", "nightjar-test-secret"
GW, MOCK, OBSERVATIONS, OPERATORS = "C0GW", "C0MOCK", "C0OBS", "C0OPS"
FOREIGN, ARCHIVED = "C0FOREIGN", "C0OLD"
SHIFTER, TEAM = "U0SHIFTER", "U0TEAM"


def make_workspace(folder: Path) -> Workspace:
    """Return a workspace with nothing posted in it."""
    channels = (
        Channel(GW, "gwalerts"),
        Channel(MOCK, "gw-mocks"),
        Channel(OBSERVATIONS, "observations"),
        Channel(OPERATORS, "operators"),
        Channel(FOREIGN, "elsewhere", has_bot=False),
        Channel(ARCHIVED, "old", is_archived=True),
    )
    by_id = {channel.id: channel for channel in channels}
    return Workspace(folder, TOKEN, SECRET, by_id, {SHIFTER: "Vera", TEAM: "Subra"})


@contextmanager
def serving(folder: Path) -> Iterator[StandIn]:
    """Serve a workspace until the end of the block."""
    with running(StandIn(make_workspace(folder))) as standin:
        yield standin


def settings(standin: StandIn) -> dict[str, str]:
    """Return the settings that lead to a stand-in, as environment variables."""
    return {
        "NIGHTJAR_SLACK__TOKEN": TOKEN,
        "NIGHTJAR_SLACK__SIGNING_SECRET": SECRET,
        "NIGHTJAR_SLACK__BASE_URL": standin.base_url,
        "NIGHTJAR_SLACK__TIMEOUT_S": "2",
        "NIGHTJAR_SLACK__MESSAGE_INTERVAL_S": "0",
        "NIGHTJAR_SLACK__GW_CHANNEL": GW,
        "NIGHTJAR_GW__MOCK_CHANNEL": MOCK,
        "NIGHTJAR_SLACK__OBSERVATIONS_CHANNEL": OBSERVATIONS,
        "NIGHTJAR_SLACK__OPERATORS_CHANNEL": OPERATORS,
    }


def client(standin: StandIn, **changed: str) -> Slack:
    """Return the project's client of a stand-in."""
    found = connect(build(settings(standin) | changed))
    assert found is not None
    return found


def unix_s(later_s: int = 0) -> int:
    """Return the time, or a later one, as Slack's dialogs give it."""
    return int(time.time()) + later_s


def texts(standin: StandIn, channel: str) -> list[str]:
    """Return the texts of all messages of a channel, threads included, the oldest first."""
    entries = sorted(standin.workspace.messages.values(), key=lambda entry: entry["ts"])
    return [entry["text"] for entry in entries if entry["channel"] == channel]


def buttons(entry: dict[str, Any]) -> set[str]:
    """Return the action ids of the buttons of a message."""
    elements = [each for block in entry["blocks"] for each in block.get("elements", ())]
    return {each["action_id"] for each in elements if each["type"] == "button"}
