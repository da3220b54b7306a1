"""What our pages tell a team: every command, and every error with its words, provoked."""

import asyncio
import os
import re

import pytest
from nightjar_telescope import TelescopeData, TelescopeStatus
from nightjar_telescope.avro import schema_id
from nightjar_telescope.registry import Registry

from broker.config import ROOT, config
from tests.integration.telescope_client.team import LOGIN, tca, team
from tests.integration.telescope_client.world import Bus, login
from tests.integration.telescope_data.world import piece

__all__ = ["tca", "team"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

AWAY = "127.0.0.1:9"
PAGE = (ROOT / "docs" / "telescope-troubleshooting.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", PAGE, re.MULTILINE)
FAR_ID = 2**31 - 7
CHECKED = "check.py"
MET: set[tuple[str, str]] = set()


def explained(kind, says):
    """Note the row of the page that explains an error; there is one, and no other."""
    found = []
    for name, words in ROWS:
        pattern = ".*".join(re.escape(part) for part in words.split("…"))
        if name == kind and re.search(pattern, says):
            found.append((name, words))
    assert len(found) == 1, (kind, says, found)
    MET.add(found[0])


def with_line(team, name, value):
    """Change one line of the login; without a value, leave it out."""
    path = team.folder / LOGIN
    line = "" if value is None else f"{name}={value}\n"
    text, count = re.subn(rf"^{re.escape(name)}=.*\n", line, path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


def checked(team, changed=None):
    """Run the program of checks; return its lines, what is checked and how it is."""
    lines = team.said(CHECKED, changed).splitlines()
    return [tuple(line.split(": ", 1)) for line in lines]


LOGINS = {
    "password": ("sasl.password", "wrong"),
    "kafka-away": ("bootstrap.servers", AWAY),
    "mechanism": ("sasl.mechanism", "PLAIN"),
    "group": ("group.id", "somebody"),
    "no-group": ("group.id", None),
}


def test_a_team_with_the_right_login_is_well(tca, team):
    topics = (tca.commands, tca.acknowledgments, tca.status)

    assert checked(team) == [(topic, "well") for topic in topics]


@pytest.mark.parametrize("scene", LOGINS)
def test_a_wrong_login_is_explained(team, scene):
    with_line(team, *LOGINS[scene])

    (_, said), *_ = checked(team)

    explained(*said.split(": ", 1))


def test_a_file_that_is_none_is_explained(team):
    (team.folder / LOGIN).write_text("password\n")
    explained(*checked(team)[0][1].split(": ", 1))
    (team.folder / LOGIN).unlink()
    explained(*checked(team)[0][1].split(": ", 1))


def test_a_wrong_place_is_explained(team):
    url = config().registry.url
    known = repr(url)
    changes = [
        {known: repr(url.partition("/apis")[0])},
        {known: repr(f"http://{AWAY}/apis/ccompat/v7")},
        {repr(team.prefix): '"telescope.other."'},
    ]
    for changed in changes:
        lines = checked(team, changed)
        for _, said in lines:
            if said != "well":
                explained(*said.split(": ", 1))
        assert any(said != "well" for _, said in lines)


def test_what_a_running_application_is_told_is_explained(tca):
    bus, admin = Bus(tca.prefix), login("admin")
    registry = Registry(config().registry.url)

    async def send(message, **changes):
        settings = {"security": admin} | changes
        async with bus.producer(type(message), **settings) as producer:
            await producer.send(message)

    async def unstarted():
        await bus.producer(TelescopeData).send(piece("a"))

    huge = TelescopeStatus(
        "s", 1, "robotics", component="mount", message=os.urandom(1_500_000).hex()
    )
    calls = [
        lambda: asyncio.run(send(piece(f"{tca.name}-1", -1))),
        lambda: asyncio.run(send(huge)),
        lambda: asyncio.run(unstarted()),
        lambda: registry.writer(FAR_ID),
        lambda: schema_id(b"garbage"),
        lambda: schema_id(b"abc"),
    ]
    for call in calls:
        with pytest.raises(Exception) as told:
            call()
        explained(type(told.value).__name__, str(told.value))
    registry.close()


def test_every_error_of_the_page_was_met_but_one_that_takes_half_a_minute():
    """It runs behind the others; alone it has met nothing."""
    if len(MET) < len(ROWS) - 1:
        pytest.skip("not all tests of this file have run before")
    assert {words for _, words in ROWS} - {words for _, words in MET} <= {
        "Kafka: Local: Message timed out"  # tests/integration/telescope_client/test_producer.py
    }
