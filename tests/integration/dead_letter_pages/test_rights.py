"""Who may look at dead letters, and who may act on them."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.factories import make_dead_letter
from tests.integration.dead_letter_pages.letters import LIST, act, state_of

pytestmark = pytest.mark.integration


def test_looking_does_not_allow_acting(session, source, retries):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="guest", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    browser.force_login(user)
    letter = make_dead_letter(session, source)

    act(browser, "retry", [letter.id])
    act(browser, "ignore", [letter.id], why="I may not")

    assert ">Retry</button>" not in browser.get(f"{LIST}{letter.id}/change/").text
    assert (state_of(session, letter), retries.asked) == ("open", [])


def test_without_the_permission_to_look_there_is_no_packet(session, archived):
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.create(username="guest", is_staff=True))
    letter = archived()

    for tail in ("", f"{letter.id}/change/", f"{letter.id}/packet"):
        assert browser.get(LIST + tail).status_code == 403


@pytest.mark.parametrize("action", ["retry", "ignore"])
def test_nothing_is_done_by_a_link_or_from_another_site(session, source, retries, action):
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    browser.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    letter = make_dead_letter(session, source)
    words = {"action": action, "_selected_action": letter.id, "why": "forged"}

    assert browser.post(LIST, words).status_code == 403
    browser.get(LIST, words)

    assert (state_of(session, letter), retries.asked) == ("open", [])
