"""A stranger signs up through REST, and real workers and a real broker do the rest."""

import time

import pytest

from accounts.principals import Reader
from broker.config import config
from broker.kafka_login import LoginOutcome, try_login
from compose.native.kafka import REAUTH_THROWAWAY_MS
from tests.consumers import REVOKED_WITHIN_S, consumer, next_word, refusal
from tests.e2e import published_client
from tests.load import signups

pytestmark = [pytest.mark.slow]

TESTS = ["babamul.ztf-test", "babamul.lsst-test"]
PATIENCE_S = 90.0
WORKER_S = 10.0
"""Room for a busy machine until the worker has told Kafka the new password."""


@pytest.fixture
def stranger(site):
    """Somebody who has just activated an account."""
    found = signups.Stranger(f"stranger.{time.time_ns():x}@example.org")
    signups.sign_up(site, found)
    return found


@pytest.fixture(scope="session")
def client():
    """The published client in its own environment."""
    return published_client.installed()


def token_of(site, stranger):
    body = {"email": stranger.email, "password": stranger.logins[0][1]}
    return signups.post(site, "auth", body)["access_token"]


def route_of(site, stranger, token):
    """Return the address of a stranger's named credential in REST."""
    rows = signups.ask(site, "GET", "kafka-credentials", token)
    (found,) = [row["id"] for row in rows if row["kafka_username"] == stranger.logins[1][0]]
    return f"kafka-credentials/{found}"


def running(login, **settings):
    """Return a consumer that has read a message of the test stream."""
    username, password = login
    group = f"{username}-laptop" if "@" not in username else "babamul-myapp"
    reading = consumer(username, password, config().kafka.public_servers, group, **settings)
    reading.subscribe(TESTS[:1])
    assert next_word(reading) == "message"
    return reading


@pytest.mark.usefixtures("client")
def test_the_published_client_reads_test_alerts_with_the_credential_it_was_shown(stranger):
    username, password = stranger.logins[1]
    seen = published_client.consume(
        Reader(username, password, username), config().kafka.public_servers, 4, TESTS
    )

    assert {each["model"] for each in seen} <= {"ZtfAlert", "LsstAlert"}
    assert all(each["candid"] < 0 for each in seen)
    assert all(each["object_id"].startswith("TEST") for each in seen)


def test_the_seeds_snippet_reads_with_address_and_password(stranger):
    running(stranger.logins[0]).close()


def test_a_deleted_credential_stops_its_consumer(site, stranger):
    reading = running(stranger.logins[1])

    token = token_of(site, stranger)
    taken_at_s = time.monotonic()
    signups.ask(site, "DELETE", route_of(site, stranger, token), token)

    told, late_s = refusal(reading, taken_at_s)
    assert told == "TOPIC_AUTHORIZATION_FAILED"
    assert late_s < REVOKED_WITHIN_S
    assert try_login(*stranger.logins[1], config().kafka.public_servers) is LoginOutcome.REFUSED


def test_a_rotated_credential_lets_the_new_password_in_and_the_old_one_not(site, stranger):
    token = token_of(site, stranger)
    made = signups.ask(site, "POST", f"{route_of(site, stranger, token)}/rotate", token)

    username, old = stranger.logins[1]
    signups.read_one((username, made["kafka_password"]))
    assert try_login(username, old, config().kafka.public_servers) is LoginOutcome.REFUSED


def test_a_running_consumer_of_a_rotated_credential_ends(site, stranger):
    told = []
    reading = running(stranger.logins[1], error_cb=lambda error: told.append(error.name()))
    token = token_of(site, stranger)
    route = f"{route_of(site, stranger, token)}/rotate"
    rotated_at_s = time.monotonic()
    signups.ask(site, "POST", route, token)

    while "_AUTHENTICATION" not in told and time.monotonic() < rotated_at_s + PATIENCE_S:
        reading.poll(0.2)
    late_s = time.monotonic() - rotated_at_s
    print(f"a consumer of a rotated credential ended after {late_s:.1f} s")
    reading.close()
    assert "_AUTHENTICATION" in told
    assert late_s < REAUTH_THROWAWAY_MS / 1000 + WORKER_S, "a minute and that, in production"
