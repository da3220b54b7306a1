"""Users' filters before staff: seen whole, stopped and deleted with a reason, paused with a mail."""

import pytest
from sqlalchemy import text

from accounts import filters
from accounts.filter_models import UserFilter
from accounts.models import BabamulUser
from tests.integration.accounts_admin.test_acts import do, last_entry

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FILTERS, STATES = "/admin/accounts/userfilter", "/admin/pipeline/filterstate"


@pytest.fixture
def bright(session, monkeypatch):
    monkeypatch.setattr(filters, "ring", lambda: None)
    owl = BabamulUser.objects.create(email="owl@example.org", username="owl", state="active")
    filters.create(owl, "bright", "ztf", "magpsf < 19", "", is_public=False)
    made = filters.start(owl, "bright", 1)
    return UserFilter.objects.get(pk=made.id)


def test_a_filter_is_seen_whole_though_it_is_private(staff, bright):
    page = staff.get(f"{FILTERS}/{bright.pk}/change/").content.decode()

    assert "1: magpsf &lt; 19" in page
    assert "owl@example.org" in page
    assert f"{FILTERS}/{bright.pk}/do/stop/" in page


def test_stop_and_delete_ask_for_a_reason(staff, bright):
    assert "This field is required" in do(staff, FILTERS, bright, "stop", why="").content.decode()
    do(staff, FILTERS, bright, "stop", why="floods its topic")
    bright.refresh_from_db()
    assert bright.wish == "stopped"
    assert last_entry() == ("staff:staff", "stop", f"filter:{bright.pk}", "floods its topic")

    do(staff, FILTERS, bright, "delete")

    bright.refresh_from_db()
    assert (bright.wish, bright.topic_state) == ("deleted", "removing")


def test_what_a_filter_costs_is_shown_and_it_can_be_paused(session, staff, bright):
    session.execute(
        text("INSERT INTO filter_states (filter_id, evaluated, spent_s) VALUES (:id, 2000, 0.5)"),
        {"id": bright.pk},
    )
    page = staff.get(f"{STATES}/").content.decode()
    assert "bright" in page
    assert "250.00" in page

    row = session.scalar(text("SELECT id FROM filter_states"))
    staff.post(f"{STATES}/", {"action": "pause", "_selected_action": [row]}, follow=True)

    found = session.execute(text("SELECT pause_reason, pause_text FROM filter_states")).one()
    assert found == ("staff", "an operator paused it; ask before you start it again")
