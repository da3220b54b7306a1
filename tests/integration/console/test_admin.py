"""The admin's pages of the bus: lists, searches, and the switch with a reason."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from sqlalchemy import select

from pipeline.telescope.tables import TelescopeEvent, TelescopeSwitch

pytestmark = pytest.mark.integration

SWITCHES = "/admin/pipeline/telescopeswitch/"


@pytest.fixture
def root(db):
    """A browser of a superuser."""
    user = get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def test_lists_find_commands_by_what_belongs_to_them(root, command):
    row, other = command(trigger_id="S1"), command()

    for term in (row.command_id, row.observation_id, "S1"):
        page = root.get(f"/admin/pipeline/telescopecommand/?q={term}").content.decode()
        assert row.command_id in page
        assert other.command_id not in page
    events = root.get(f"/admin/pipeline/telescopeevent/?q={row.command_id}").content.decode()
    assert "requested" in events


@pytest.mark.parametrize(
    "name", ["command", "acknowledgment", "status", "lateststatus", "event", "schema"]
)
def test_every_list_opens(root, well, command, name):
    command()

    assert root.get(f"/admin/pipeline/telescope{name}/").status_code == 200


def test_a_switch_wants_a_reason_and_keeps_it(root, session, command):
    command()
    turn = {"telescope": "beam", "accepts": "off"}
    assert b"Why: This field is required" in root.post(SWITCHES, turn, follow=True).content
    assert session.scalars(select(TelescopeSwitch)).all() == []

    page = root.post(SWITCHES, turn | {"why": "ice"}, follow=True).content.decode()

    assert "1 commands were cancelled" in page
    assert "by root: ice" in page
    switch = session.scalars(select(TelescopeSwitch)).one()
    assert (switch.accepts_commands, switch.changed_by, switch.why) == (False, "root", "ice")
    root.post(SWITCHES, turn | {"accepts": "on", "why": "thaw"})
    session.expire_all()
    assert session.scalars(select(TelescopeSwitch)).one().accepts_commands
    assert {"ice", "thaw"} <= set(session.scalars(select(TelescopeEvent.why)))
