"""An old address that signs up again while old addresses are forgotten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import expiry, people
from accounts.models import BabamulUser, OneTimeCode

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
EMAIL = "vera@example.org"
WAIT_S = 30


@pytest.fixture
def old():
    """An address that nobody confirmed, long ago."""
    user = BabamulUser.objects.create(email=EMAIL, username="vera", state="inactive")
    BabamulUser.objects.update(created_at=Now() - timedelta(days=31))
    return user


def in_a_thread(pool, work):
    def alone():
        try:
            return work()
        finally:
            connection.close()

    return pool.submit(alone)


def test_who_signs_up_in_this_moment_is_not_forgotten(old):
    is_signed_up, may_commit = Event(), Event()

    def sign_up():
        with transaction.atomic():
            people.sign_up(EMAIL)
            is_signed_up.set()
            assert may_commit.wait(WAIT_S)

    with ThreadPoolExecutor(1) as pool:
        signing = in_a_thread(pool, sign_up)
        assert is_signed_up.wait(WAIT_S)

        assert expiry.forget_old()["accounts"] == 0  # and it did not wait

        may_commit.set()
        signing.result(WAIT_S)
    assert OneTimeCode.objects.get().user == old


def test_who_signs_up_while_forgotten_gets_a_row_anew(old):
    is_deleted, may_commit = Event(), Event()

    def forget():
        with transaction.atomic():
            assert expiry.forget_old()["accounts"] == 1
            is_deleted.set()
            assert may_commit.wait(WAIT_S)

    with ThreadPoolExecutor(2) as pool:
        forgetting = in_a_thread(pool, forget)
        assert is_deleted.wait(WAIT_S)
        signing = in_a_thread(pool, lambda: people.sign_up(EMAIL))
        may_commit.set()
        forgetting.result(WAIT_S)
        signing.result(WAIT_S)

    assert OneTimeCode.objects.get().user.email == EMAIL
    assert BabamulUser.objects.get().pk != old.pk
