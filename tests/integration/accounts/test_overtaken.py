"""Log-ins that end while a request of one is under way: it changes nothing any more."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from accounts import belongings, people
from accounts.models import AccessToken, BabamulUser, KafkaCredential, WebSession
from accounts.sessions import open_session
from accounts.web import authentication
from accounts.web import sessions as web_sessions
from tests.integration.accounts.conftest import EMAIL

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

BELONGINGS = {
    "a new credential": ("post", "kafka-credentials", {"name": "thief"}),
    "another password": ("post", "kafka-credentials/{credential}/rotate", {}),
    "no credential": ("delete", "kafka-credentials/{credential}", {}),
    "a new token": ("post", "tokens", {"name": "thief"}),
    "no token": ("delete", "tokens/{token}", {}),
}
PAGES = (
    "credentials",
    "credentials/{credential}/rotate",
    "credentials/{credential}/delete",
    "tokens",
    "tokens/{token}/delete",
)
FORMS = {"credential-name": "thief", "token-name": "thief", "token-days": "30"}


@pytest.fixture
def names(person):
    """Return what the account has, by name."""
    token, _ = belongings.new_token(person["row"], "laptop", 30)
    return {"credential": person["row"].credentials.get(kind="named").pk, "token": token.pk}


def everything():
    """Return all that the account has, as it stands in the rows."""
    tokens = AccessToken.objects.order_by("pk").values_list("pk", "name")
    wishes = KafkaCredential.objects.order_by("pk").values_list("pk", "state", "generation")
    return list(tokens), list(wishes)


def overtaken(module, name, monkeypatch):
    """Let every log-in end just after ``module.name`` has looked one up."""
    real = getattr(module, name)

    def look_up(given):
        found = real(given)
        people.end_logins(getattr(found, "user", found))
        return found

    monkeypatch.setattr(module, name, look_up)


@pytest.mark.parametrize("act", BELONGINGS)
def test_rest_answers_401_and_changes_nothing(act, mine, names, monkeypatch):
    method, path, body = BELONGINGS[act]
    before = everything()
    overtaken(authentication, "owner_of", monkeypatch)

    given = (path.format(**names), body) if method == "post" else (path.format(**names),)
    answer = getattr(mine, method)(*given)

    assert answer.status_code == 401, answer.content
    assert everything() == before


@pytest.mark.parametrize("path", PAGES)
def test_pages_lead_to_the_log_in_and_change_nothing(path, client, person, names, monkeypatch):
    client.cookies[web_sessions.COOKIE] = open_session(person["row"], "")
    before = everything()
    overtaken(web_sessions, "find_session", monkeypatch)

    answer = client.post(f"/profile/{path.format(**names)}", FORMS, headers={"host": "localhost"})

    assert (answer.status_code, answer["Location"]) == (302, "/login")
    assert everything() == before


def test_passwords_are_shown_though_the_log_in_ended_while_kafka_was_waited_for(
    client, signed_up, monkeypatch
):
    def end(*_):
        people.end_logins(BabamulUser.objects.get())

    code = signed_up()
    monkeypatch.setattr("accounts.credentials.await_state", end)

    shown = client.post("/activate", {"email": EMAIL, "code": code}, headers={"host": "localhost"})

    assert shown.status_code == 200
    assert re.search(r'id="password">[A-Za-z0-9]{32}<', shown.content.decode())
    assert re.search(r"BABAMUL_KAFKA_PASSWORD=[A-Za-z0-9]{32}\b", shown.content.decode())
    assert not WebSession.objects.exists()


def waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["tokens", "kafka-credentials"])
def test_who_waits_for_a_reset_has_nothing_after_it(path, person, mine, monkeypatch):
    monkeypatch.setattr("accounts.credentials.enqueue", lambda *_: True)

    def make():
        try:
            return mine.post(path, {"name": "thief"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            people.end_logins(person["row"])
            asked = pool.submit(make)
            while not waits_for_a_lock():
                assert not asked.done(), asked.result().content
        assert asked.result().status_code == 401

    assert not AccessToken.objects.exists()
    assert not KafkaCredential.objects.filter(name="thief").exists()
