"""Stopped streams in the admin: seen, and started again by who may."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from sqlalchemy import text

from broker.ranges import stops

pytestmark = pytest.mark.integration


def resume(browser, session):
    key = session.execute(text("SELECT id FROM streams")).scalar_one()
    words = {"action": "resume", "_selected_action": key}
    return browser.post("/admin/pipeline/stream/", words, follow=True)


def test_a_stopped_stream_is_started_again(staff, session):
    stops.stop(session, "ztf", "60 of the last 100 packets became dead letters")
    assert "60 of the last 100" in staff.get("/admin/pipeline/stream/").text

    answer = resume(staff, session)

    assert "Stream ztf runs again; it stood because: 60 of the last 100" in answer.text
    assert stops.stop_reason(session, "ztf") is None
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Resumed."]
    assert "None of them stands." in resume(staff, session).text


def test_looking_at_streams_does_not_start_them(session):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_stream"))
    browser.force_login(user)
    stops.stop(session, "ztf", "a reason")

    resume(browser, session)

    assert stops.stop_reason(session, "ztf") == "a reason"
