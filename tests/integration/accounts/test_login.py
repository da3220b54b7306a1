"""Log-in through REST: one answer for every failure, and limits before the costly hash."""

import pytest
from argon2 import extract_parameters
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import passwords, people
from accounts.models import BabamulUser
from accounts.sessions import OvertakenError, open_session
from broker import limits
from broker.config import config
from tests.integration.accounts.conftest import EMAIL, Api

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def log_in(api, email, password):
    return api.post("auth", {"email": email, "password": password})


def test_a_login_gives_a_bare_jwt(person, api):
    answer = log_in(api, EMAIL, person["password"])

    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 604_800)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["email", "username"])
def test_a_form_of_oauth_is_read_too(name, person, api):
    form = {name: EMAIL, "password": person["password"], "grant_type": "password", "scope": ""}

    assert api.client.post("/babamul/auth", form_encoded(form), FORM).status_code == 200


FORM = "application/x-www-form-urlencoded"


def form_encoded(values):
    from urllib.parse import urlencode

    return urlencode(values)


def test_the_address_may_be_typed_otherwise(person, api):
    assert log_in(api, " Vera@Example.ORG ", person["password"]).status_code == 200


def test_every_failure_gets_one_answer(person, api, signed_up):
    signed_up("inactive@example.org")
    BabamulUser.objects.create(
        email="shut@example.org",
        username="shut",
        state="suspended",
        password=passwords.hashed("Correct-horse-7"),
    )
    answers = [
        log_in(api, EMAIL, "wrong"),
        log_in(api, "nobody@example.org", "wrong"),
        log_in(api, "inactive@example.org", "!"),
        log_in(api, "shut@example.org", "Correct-horse-7"),
        log_in(api, "no address", "wrong"),
        log_in(api, EMAIL, "x" * 900),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert set(answers[0].json()) >= {"message", "error"}
    assert answers[0]["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def spent(monkeypatch):
    """Cost of every hash that is computed, in order."""
    costs = []
    real = passwords._hasher.verify

    def verify(_, known_hash, password):
        costs.append(extract_parameters(known_hash))
        return real(known_hash, password)

    monkeypatch.setattr(passwords, "_hasher", type("Spy", (), {"verify": verify})())
    return costs


def test_whoever_it_is_one_hash_is_spent_and_the_same_is_asked(person, api, signed_up, spent):
    signed_up("inactive@example.org")
    BabamulUser.objects.create(
        email="shut@example.org", username="s", state="suspended", password=passwords.UNUSABLE
    )
    asked = []
    for email in (EMAIL, "nobody@example.org", "inactive@example.org", "shut@example.org"):
        with CaptureQueriesContext(connection) as queries:
            log_in(api, email, "wrong")
        asked.append([query["sql"].partition("WHERE")[0] for query in queries.captured_queries])
    log_in(api, "no address", "wrong")
    log_in(api, EMAIL, person["password"])

    assert len(spent) == 6
    assert len(set(map(str, spent))) == 1
    assert asked == [asked[0]] * 4


def test_the_first_log_in_of_a_process_costs_no_second_hash(db, api, spent, monkeypatch):
    passwords._nobody.cache_clear()

    log_in(api, "nobody@example.org", "wrong")

    assert len(spent) == 1  # the spy computes none for a hash of nobody: it could not


@pytest.mark.parametrize(
    "body", [{}, {"email": EMAIL}, {"password": "x"}, {"email": [], "password": "x"}]
)
def test_a_malformed_body_is_told_its_field(body, api, db):
    answer = api.post("auth", body)

    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_wrong_passwords_of_one_pair_are_stopped_and_another_ip_goes_on(person):
    first, other = Api(address="203.0.113.20"), Api(address="203.0.113.21")
    statuses = [log_in(first, EMAIL, "wrong").status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]
    assert log_in(first, EMAIL, person["password"]).status_code == 429
    assert log_in(other, EMAIL, person["password"]).status_code == 200


def test_the_pause_is_as_long_as_it_is_set_and_ends(person):
    api = Api(address="203.0.113.22")
    while log_in(api, EMAIL, "wrong").status_code == 401:
        pass
    refused = log_in(api, EMAIL, person["password"])

    pause_s = config().accounts.failure_pause_s
    assert pause_s == 900
    assert pause_s / 2 < int(refused["Retry-After"]) <= pause_s

    bucket = limits._name("failures", f"{EMAIL} 203.0.113.22")
    limits._client().pexpire(bucket, 1)
    while limits._client().exists(bucket):
        pass
    assert log_in(api, EMAIL, person["password"]).status_code == 200


def test_a_right_password_forgives_the_wrong_ones(person):
    api = Api(address="203.0.113.23")
    for _ in range(4):
        log_in(api, EMAIL, "wrong")
    log_in(api, EMAIL, person["password"])

    assert log_in(api, EMAIL, "wrong").status_code == 401


def test_logins_of_one_ip_address_are_limited_before_the_hash(person, monkeypatch):
    api = Api(address="203.0.113.24")
    limit = config().accounts.logins_per_ip_min
    for i in range(limit):
        log_in(api, f"a{i}@example.org", "wrong")
    monkeypatch.setattr(passwords, "matches", pytest.fail)

    answer = log_in(api, "b@example.org", "wrong")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


def test_who_was_overtaken_by_a_reset_is_not_signed_in(person):
    """Between the comparison of the password and the new session everything was ended."""
    known = BabamulUser.objects.get(email=EMAIL)
    people.end_logins(known)

    with pytest.raises(OvertakenError):
        open_session(known, "a browser")

    assert not known.sessions.exists()
