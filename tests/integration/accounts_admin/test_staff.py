"""Who a member of staff is in Slack: written in the admin, one person for each id."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.models import StaffRecord

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def vera():
    return User.objects.create(username="vera", is_staff=True)


def form(user, slack_user_id, record=None):
    """Return what the page of a user sends."""
    prefix = "staff_record"
    return {
        "username": user.username,
        "is_staff": "on",
        "date_joined_0": "2026-11-21",
        "date_joined_1": "12:00:00",
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-INITIAL_FORMS": "1" if record else "0",
        f"{prefix}-MIN_NUM_FORMS": "0",
        f"{prefix}-MAX_NUM_FORMS": "1",
        f"{prefix}-0-id": record.pk if record else "",
        f"{prefix}-0-user": user.pk,
        f"{prefix}-0-slack_user_id": slack_user_id,
    }


def change(browser, user, *words):
    return browser.post(f"/admin/auth/user/{user.pk}/change/", form(user, *words))


@pytest.mark.parametrize("wrong", ["vera", "u0vera", "C0VERA", "U0 VERA"])
def test_what_is_no_slack_user_is_refused(staff, vera, wrong):
    answer = change(staff, vera, wrong)

    assert "a Slack user id is U or W" in answer.content.decode()
    assert StaffRecord.objects.count() == 0


def test_an_id_of_another_person_is_refused(staff, vera):
    other = User.objects.create(username="other", is_staff=True)
    StaffRecord.objects.create(user=other, slack_user_id="U0VERA")

    answer = change(staff, vera, "U0VERA")

    assert "already exists" in answer.content.decode()


def test_an_id_is_written(staff, vera):
    answer = change(staff, vera, "U0VERA")

    assert answer.status_code == 302
    assert vera.staff_record.slack_user_id == "U0VERA"


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("shifter", False)])
def test_who_writes_it(vera, role, may):
    writer = User.objects.create(username="writer", is_staff=True)
    writer.groups.add(Group.objects.get(name=role))
    browser = Client(headers={"host": "localhost"})
    browser.force_login(writer)

    change(browser, vera, "U0VERA")

    assert StaffRecord.objects.filter(user=vera).exists() == may
