"""A sign-up does the same work for everybody, and none without Redis to count it."""

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import people
from accounts.models import BabamulUser, OneTimeCode, OutboxMail
from broker import limits
from tests.integration.accounts.conftest import EMAIL

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def work(monkeypatch, django_capture_on_commit_callbacks):
    """Return a function that signs up and returns the statements and the number of bells."""
    rung = []
    monkeypatch.setattr("accounts.mail.enqueue", lambda *bell: rung.append(bell))

    def sign_up():
        rung.clear()
        with (
            CaptureQueriesContext(connection) as asked,
            django_capture_on_commit_callbacks(execute=True),
        ):
            people.sign_up(EMAIL)
        statements = [" ".join(query["sql"].split()[:3]) for query in asked.captured_queries]
        return [sql for sql in statements if "SAVEPOINT" not in sql], len(rung)

    return sign_up


@pytest.fixture
def unknown_work(work):
    """What is done for an address that nobody has signed up with; nothing of it is left."""
    done = work()
    BabamulUser.objects.all().delete()
    OutboxMail.objects.all().delete()
    return done


@pytest.mark.parametrize(
    ("state", "codes", "mails"),
    [
        ("inactive", 1, ["Activate your Nightjar account"]),
        ("active", 0, ["You already have a Nightjar account"]),
        ("suspended", 0, []),
        ("deleting", 0, []),
    ],
)
def test_a_known_address_costs_the_statements_and_the_bell_of_an_unknown_one(
    unknown_work, work, state, codes, mails
):
    BabamulUser.objects.create(email=EMAIL, username="vera", password="!", state=state)

    known_work = work()

    assert known_work == unknown_work
    assert len(known_work[0]) >= 5
    assert known_work[1] == 1
    assert OneTimeCode.objects.filter(voided_at=None).count() == codes
    assert list(OutboxMail.objects.values_list("subject", flat=True)) == mails


def test_a_sign_up_again_leaves_an_active_account_as_it_was(work):
    BabamulUser.objects.create(email=EMAIL, username="own name", password="hash", state="active")

    work()

    kept = BabamulUser.objects.values_list("username", "password", "state").get()
    assert kept == ("own name", "hash", "active")


@pytest.fixture
def redis_fails_at(monkeypatch):
    """Return a function that lets Redis be gone when one bucket is asked for."""
    real = limits._run

    def fail(missing):
        def run(script, bucket, *arguments):
            if bucket == missing:
                raise redis.ConnectionError("gone")
            return real(script, bucket, *arguments)

        monkeypatch.setattr(limits, "_run", run)

    return fail


@pytest.mark.parametrize("bucket", ["signup-ip", "signup"])
def test_without_redis_to_count_it_a_sign_up_is_refused(api, redis_fails_at, bucket):
    redis_fails_at(bucket)

    answer = api.post("signup", {"email": EMAIL})

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not BabamulUser.objects.exists()


@pytest.mark.parametrize("bucket", ["login-ip", "failures"])
def test_without_redis_a_log_in_goes_on(person, api, redis_fails_at, bucket):
    redis_fails_at(bucket)

    answer = api.post("auth", {"email": EMAIL, "password": person["password"]})

    assert answer.status_code == 200
