"""Guessing a password of staff; accounts have limits of their own."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _user(session):
    User.objects.create_user("op", password="right-password", is_staff=True)


def log_in(password, ip="192.0.2.7"):
    browser = Client(headers={"host": "localhost"}, REMOTE_ADDR=ip)
    return browser.post("/admin/login/", {"username": "op", "password": password}).status_code


def test_the_fifth_wrong_password_locks_that_address_and_no_other():
    assert [log_in("wrong") for _ in range(5)] == [200, 200, 200, 200, 429]

    assert log_in("right-password") == 429
    assert log_in("right-password", ip="192.0.2.8") == 302


def test_the_lock_ends(settings):
    for _ in range(5):
        log_in("wrong")
    settings.AXES_COOLOFF_TIME = 0

    assert log_in("right-password") == 302


def test_a_success_forgets_the_failures():
    for _ in range(4):
        log_in("wrong")
    log_in("right-password")

    assert [log_in("wrong") for _ in range(4)] == [200] * 4
