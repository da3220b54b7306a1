"""Who may do what of the bus, over every role: pages, REST and admin say the same."""

import pytest
from django.test import Client
from sqlalchemy import func, select

from accounts import staff_tokens
from accounts.roles import PERMISSIONS
from broker.access import ROLES, TELESCOPE_OPERATORS
from pipeline.telescope import board, ledger
from pipeline.telescope.ids import new_command_id
from pipeline.telescope.tables import TelescopeCommand, TelescopeEvent, TelescopeSwitch
from tests.integration.console.conftest import signed_in
from tests.integration.telescope.conftest import ASKED

pytestmark = pytest.mark.integration

WHY = {"why": "test"}
BODY = {"telescope": "beam", "observation": ASKED, "is_confirmed": True}
FORM = {name: str(value) for name, value in ASKED.items()} | {
    "center_frequency": "1420", "key": "form:1", "is_confirmed": "true",
}  # fmt: skip
SWITCHES = "/admin/pipeline/telescopeswitch/"
LOOKS = (
    "/telescopes",
    "/telescopes/beam",
    "/telescopes/commands/{id}",
    "/telescopes/commands/stop",
    "/telescopes/observations/{observation}",
    "/api/telescope/commands",
    "/api/telescope/commands/{id}",
    "/api/telescope/status",
    "/api/telescope/observations/{observation}/data",
    SWITCHES,
    "/admin/pipeline/telescopecommand/",
    "/admin/pipeline/telescopecommand/{id}/change/",
    "/admin/pipeline/telescopeacknowledgment/",
    "/admin/pipeline/telescopestatus/",
    "/admin/pipeline/telescopelateststatus/",
    "/admin/pipeline/telescopeevent/",
    "/admin/pipeline/telescopedataraw/",
)
ACTS = (
    ("/telescopes/beam", FORM),
    ("/telescopes/commands/{id}/cancel", WHY),
    ("/telescopes/commands/{id}/retry", WHY | {"is_confirmed": "true"}),
    ("/telescopes/commands/{id}/resend", WHY),
    ("/telescopes/commands/of/S1/withdraw", {}),
    ("/telescopes/commands/stop", WHY),
    ("/telescopes/beam/resume", WHY),
    (SWITCHES, WHY | {"telescope": "beam", "accepts": "off"}),
    (SWITCHES, WHY | {"telescope": "beam", "accepts": "on"}),
)
REST_ACTS = (
    ("commands", BODY),
    ("commands/{id}/cancel", WHY),
    ("commands/{id}/retry", WHY | {"is_confirmed": True}),
    ("commands/{id}/resend", WHY),
    ("stop", WHY),
    ("resume", WHY | {"telescope": "beam"}),
    ("withdraw", WHY | {"trigger_id": "S1"}),
)
FORBIDDEN, MOST_ANSWERS = 403, 500


@pytest.fixture
def place(command):
    """Return a function that names the command and its observation in an address."""
    row = command(trigger_id="S1")
    return lambda path: path.format(id=row.command_id, observation=row.observation_id)


def written(session):
    """Return how much the ledger holds of commands, events and switches."""
    session.expire_all()
    tables = (TelescopeCommand, TelescopeEvent, TelescopeSwitch)
    return [session.scalar(select(func.count()).select_from(table)) for table in tables]


@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_role_looks_at_all_of_it_or_at_nothing(well, place, role):
    client = signed_in(role)

    found = {path: client.get(place(path)).status_code for path in LOOKS}

    expected = 200 if role in TELESCOPE_OPERATORS else FORBIDDEN
    assert found == dict.fromkeys(LOOKS, expected)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_role_may_do_all_of_it_or_nothing(session, well, place, role):
    client, before = signed_in(role), written(session)
    user = client.get("/admin/").wsgi_request.user
    token = staff_tokens.new_staff_token(user, "night", 1)[1]
    program = Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})

    found = [client.post(place(path), given).status_code for path, given in ACTS]
    for asks in (client, program):
        found += [
            asks.post(place(f"/api/telescope/{path}"), given, "application/json").status_code
            for path, given in REST_ACTS
        ]

    if role in TELESCOPE_OPERATORS:
        assert FORBIDDEN not in found
        assert max(found) < MOST_ANSWERS
        assert written(session) != before
    else:
        assert set(found) == {FORBIDDEN}
        assert written(session) == before


def test_who_has_the_permission_has_the_role():
    may = {role for role, rights in PERMISSIONS.items() if "command_telescopes" in str(rights)}

    assert may == set(TELESCOPE_OPERATORS)


def test_a_switch_is_turned_on_by_rest_with_a_reason(session, operator, well, bells):
    def post(path, body):
        return operator.post(f"/api/telescope/{path}", body, "application/json")

    post("stop", WHY)
    assert post("resume", {"telescope": "beam"}).json()["errors"].keys() == {"why"}
    assert post("resume", {"telescope": "nosuch"} | WHY).status_code == 400
    assert post("commands", BODY).status_code == 409

    assert post("resume", {"telescope": "beam"} | WHY).json()["data"] == {
        "telescope": "beam", "accepts_commands": True,
    }  # fmt: skip
    assert post("commands", BODY).status_code == 201


def test_an_event_is_taken_back_by_rest(operator, command):
    row = command(trigger_id="S1")

    def post(body):
        return operator.post("/api/telescope/withdraw", body, "application/json")

    assert post(WHY).json()["errors"].keys() == {"trigger_id"}
    assert post(WHY | {"trigger_id": "S2"}).json()["data"] == []
    [done] = post(WHY | {"trigger_id": "S1"}).json()["data"]
    assert (done["command_id"], done["did"]) == (row.command_id, "cancelled before it was sent")


def test_an_address_of_an_act_that_is_none_is_not_found(operator, beam):
    path = f"/api/telescope/commands/{new_command_id()}/explode"

    assert operator.post(path, WHY, "application/json").status_code == 404


@pytest.fixture
def stuck(monkeypatch):
    """BEAM, the first telescope, cannot be stopped; return a function that mends that."""
    stop = ledger.stop

    def fail(name, *more):
        if name == "beam":
            raise RuntimeError("deadlock detected\nDETAIL: of no use to people")
        return stop(name, *more)

    monkeypatch.setattr(ledger, "stop", fail)
    return lambda: monkeypatch.setattr(ledger, "stop", stop)


def test_one_telescope_that_cannot_be_stopped_keeps_no_other_running(
    session, operator, command, stuck
):
    command()

    answer = operator.post("/telescopes/commands/stop", {"why": "fire"})

    page = answer.content.decode()
    assert answer.status_code == 503
    assert "BEAM could not be stopped and may go on: try again" in page
    assert "deadlock detected" in page
    assert "DETAIL" not in page
    assert board.accepts_commands(session, "beam")
    assert not board.accepts_commands(session, "sim")
    stuck()
    again = operator.post("/telescopes/commands/stop", {"why": "fire", "telescope": "beam"})
    assert b"could not be stopped" not in again.content
    assert not board.accepts_commands(session, "beam")


def test_rest_says_which_telescope_could_not_be_stopped(session, operator, command, stuck):
    command()

    answer = operator.post("/api/telescope/stop", {"why": "fire"}, "application/json")

    assert answer.status_code == 207
    said = answer.json()
    assert said["data"] == {"beam": [], "sim": []}
    assert said["failed"] == {"beam": "deadlock detected"}
    assert "BEAM could not be stopped" in said["message"]
    assert not board.accepts_commands(session, "sim")


def test_the_admin_says_that_a_telescope_could_not_be_stopped(session, operator, command, stuck):
    command()

    page = operator.post(SWITCHES, WHY | {"telescope": "beam", "accepts": "off"}, follow=True)

    assert b"BEAM could not be stopped" in page.content
    assert board.accepts_commands(session, "beam")
