"""``/api/telescope``: who may ask, what is answered, and what is refused by name."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from sqlalchemy import func, select

from accounts import staff_tokens, tokens
from accounts.models import BabamulUser, StaffToken
from broker import api_docs
from broker.rest_schema import PREFIX, STAFF_PREFIX
from pipeline.telescope import board
from pipeline.telescope.tables import TelescopeCommand, TelescopeStatus
from tests.integration.console.conftest import signed_in
from tests.integration.telescope.conftest import ASKED

pytestmark = pytest.mark.integration

BODY = {"telescope": "beam", "observation": ASKED}


@pytest.fixture
def robot(db):
    """A user of staff that programs speak for."""
    user = get_user_model().objects.create_user("robot", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="operator")[0])
    return user


def program(token):
    return Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})


@pytest.fixture
def api(robot):
    """A program with a token of an operator."""
    return program(staff_tokens.new_staff_token(robot, "night", 1)[1])


def post(client, path, body=None):
    return client.post(f"/api/telescope/{path}", body or {}, "application/json")


def count(session):
    return session.scalar(select(func.count()).select_from(TelescopeCommand))


def test_a_babamul_token_is_nobody_here(db, beam):
    user = BabamulUser.objects.create(email="a@example.org", username="a", state="active")
    for token in (tokens.login_token(user), tokens.new_personal(user, "x")[1]):
        client = program(token)
        assert client.get("/api/telescope/status").status_code == 401
        assert post(client, "commands", BODY).status_code == 401
        assert post(client, "stop", {"why": "x"}).status_code == 401


def test_a_token_is_good_for_as_long_as_its_owner_is_an_operator(robot, beam):
    row, token = staff_tokens.new_staff_token(robot, "night", 1)
    client = program(token)
    assert client.get("/api/telescope/status").status_code == 200

    robot.groups.clear()
    assert client.get("/api/telescope/status").status_code == 403
    robot.groups.add(Group.objects.get(name="operator"))
    for change in ({"is_staff": False}, {"is_active": False}):
        get_user_model().objects.filter(pk=robot.pk).update(**change)
        assert client.get("/api/telescope/status").status_code == 401
        get_user_model().objects.filter(pk=robot.pk).update(is_staff=True, is_active=True)
    StaffToken.objects.filter(pk=row.pk).update(expires_at=datetime.now(UTC) - timedelta(1))
    assert client.get("/api/telescope/status").status_code == 401


def test_a_token_is_kept_as_a_hash_and_its_use_is_noted(api, robot, beam):
    [row] = StaffToken.objects.all()
    assert row.last_used_at is None

    api.get("/api/telescope/status")

    row.refresh_from_db()
    assert row.last_used_at is not None
    assert len(row.secret_sha256) == 64
    assert row.secret_sha256.isalnum()


def test_a_session_needs_the_csrf_token_to_change_anything(robot, beam, bells):
    client = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    client.force_login(robot)

    assert client.get("/api/telescope/status").status_code == 200
    refused = post(client, "stop", {"why": "x"})
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["message"]
    client.get("/telescopes/beam")  # its form sets the cookie
    token = client.cookies["csrftoken"].value
    answer = client.post(
        "/api/telescope/stop", {"why": "x"}, "application/json", headers={"x-csrftoken": token}
    )
    assert answer.status_code == 200


def test_a_shifter_may_not(db, beam):
    assert signed_in("shifter").get("/api/telescope/status").status_code == 403


def test_a_command_is_asked_for_once(api, session, well, bells):
    body = BODY | {"idempotency_key": "k", "trigger_id": "S1", "tile_id": "7"}

    made = post(api, "commands", body)
    again = post(api, "commands", body)

    other = post(api, "commands", body | {"tile_id": "8"})

    assert (made.status_code, again.status_code, other.status_code) == (201, 200, 409)
    command_id = made.json()["data"]["command_id"]
    assert again.json()["data"]["command_id"] == command_id
    assert f"{command_id} has it, with another tile_id" in other.json()["message"]
    [row] = session.scalars(select(TelescopeCommand))
    assert (row.origin, row.requested_by, row.trigger_id, row.tile_id) == (
        "api", "robot", "S1", "7",
    )  # fmt: skip
    shown = api.get(f"/api/telescope/commands/{command_id}").json()["data"]
    assert [moment["what"] for moment in shown["timeline"]] == ["requested"]
    assert shown["request"]["ra"] == 10.68
    assert "lease_until" not in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [("ra", 360), ("dec", 90.0001), ("integration_time", 0), ("ra", "here"), ("ra", None),
     ("center_frequency", 1), ("output_filename", "../x.fits"), ("target_name", 5)],
)  # fmt: skip
def test_a_wrong_field_is_named(api, session, well, bells, field, value):
    answer = post(api, "commands", BODY | {"observation": ASKED | {field: value}})

    assert answer.status_code == 400
    assert field in " ".join(answer.json()["errors"])
    assert (count(session), bells) == (0, [])


def test_a_telescope_that_is_not_there_is_named(api, beam):
    answer = post(api, "commands", BODY | {"telescope": "nosuch"})

    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"telescope"}


def test_a_silent_telescope_wants_to_be_confirmed(api, session, beam, bells):
    refused = post(api, "commands", BODY)

    assert refused.status_code == 409
    assert "robotics has not been heard of yet" in refused.json()["errors"]["is_confirmed"]
    assert count(session) == 0
    assert post(api, "commands", BODY | {"is_confirmed": True}).status_code == 201


def test_commands_are_listed_and_filtered(api, command):
    row = command(state="completed")
    command()

    assert api.get("/api/telescope/commands").json()["count"] == 2
    found = api.get("/api/telescope/commands?state=completed").json()
    assert [each["command_id"] for each in found["data"]] == [row.command_id]
    assert api.get("/api/telescope/commands?state=nosuch").status_code == 400
    assert api.get("/api/telescope/commands?page=0").status_code == 400


def test_a_command_that_is_not_there_is_not_found(api, beam):
    assert api.get("/api/telescope/commands/cmd-x").status_code == 404
    assert post(api, "commands/cmd-x/explode", {"why": "x"}).status_code == 404
    assert post(api, "commands/cmd-x/cancel", {"why": "x"}).status_code == 409


def test_a_command_is_cancelled_and_asked_for_again(api, session, well, command):
    row = command()
    path = f"commands/{row.command_id}"

    assert post(api, f"{path}/cancel").json()["errors"].keys() == {"why"}
    done = post(api, f"{path}/cancel", {"why": "clouds"})
    assert done.json()["data"]["did"] == "cancelled before it was sent"
    assert post(api, f"{path}/cancel", {"why": "clouds"}).status_code == 409
    new_id = post(api, f"{path}/retry", {"why": "clear"}).json()["data"]["new_id"]
    assert api.get(f"/api/telescope/{path}").json()["data"]["retried_by"] == [new_id]


def test_everything_stops(api, session, command):
    row = command(state="started", sent_at=datetime.now(UTC))

    one = post(api, "stop", {"why": "wind", "telescope": "sim"}).json()["data"]
    assert one == {"sim": []}
    both = post(api, "stop", {"why": "fire"}).json()["data"]

    assert [act["command_id"] for act in both["beam"]] == [row.command_id]
    assert not board.accepts_commands(session, "beam")
    assert post(api, "commands", BODY).status_code == 409


def test_the_status_says_what_is_stale(api, heard):
    heard("robotics", disk_usage_percent=91.0)
    heard("handler", age_s=90)

    beam = api.get("/api/telescope/status").json()["data"][0]

    assert beam["telescope"] == "beam"
    robotics, handler = beam["applications"]
    assert robotics["components"][0]["disk_usage_percent"] == 91.0
    assert (robotics["is_stale"], handler["is_stale"]) == (False, True)


def test_the_status_says_how_long_each_application_was_up(api, session, heard):
    """One minute of a day: 100 / 1440 %."""
    heard("robotics")
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    session.add(
        TelescopeStatus(
            telescope="beam", status_id="s", timestamp=0, source_application="robotics",
            level="info", component="mount", message="", is_operational=True, source_id=1,
            source_partition=0, source_offset=1, received_at=minute,
        )
    )  # fmt: skip
    session.commit()

    robotics, handler = api.get("/api/telescope/status").json()["data"][0]["applications"]

    assert robotics["uptime_percent"] == pytest.approx(0.0694444, abs=1e-6)
    assert handler["uptime_percent"] == 0


def test_the_two_descriptions_hold_what_belongs_to_them():
    ours, staffs = api_docs.schema(), api_docs.schema(STAFF_PREFIX)

    assert all(path.startswith(PREFIX) for path in ours["paths"])
    assert {"/api/telescope/commands", "/api/telescope/stop"} <= set(staffs["paths"])
    assert all(path.startswith(STAFF_PREFIX) for path in staffs["paths"])
    security = staffs["paths"]["/api/telescope/stop"]["post"]["security"]
    assert {"staff": []} in security
    assert "401" in staffs["paths"]["/api/telescope/stop"]["post"]["responses"]


def test_an_admin_makes_a_token_that_is_shown_once(robot, beam):
    admin = get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(admin)

    page = client.post(
        "/admin/accounts/stafftoken/add/", {"user": robot.pk, "name": "night", "days": 9}
    )

    token = page.content.decode().partition('<code id="token">')[2].partition("<")[0]
    assert "no-store" in page.headers["Cache-Control"]
    assert program(token).get("/api/telescope/status").status_code == 200
    [row] = StaffToken.objects.all()
    shown = client.get(f"/admin/accounts/stafftoken/{row.pk}/change/").content.decode()
    assert token not in shown
    assert row.secret_sha256 not in shown
    client.post(f"/admin/accounts/stafftoken/{row.pk}/delete/", {"post": "yes"})
    assert program(token).get("/api/telescope/status").status_code == 401


def test_two_tokens_of_one_name_are_refused_in_words(robot, beam):
    staff_tokens.new_staff_token(robot, "night", 1)
    admin = get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(admin)

    page = client.post(
        "/admin/accounts/stafftoken/add/", {"user": robot.pk, "name": "night", "days": 9}
    )

    assert page.status_code == 200
    assert b"already exists" in page.content
