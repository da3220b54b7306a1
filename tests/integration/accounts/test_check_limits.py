"""The check of a pasted password is no machine for guessing, and takes any text for what it is."""

import pytest
from django.test import Client

from accounts import credentials, sessions
from accounts.models import BabamulUser, KafkaCredential
from accounts.web import check_pages
from accounts.web.sessions import COOKIE
from broker.kafka_probe import ProbeOutcome
from tests.hostile_texts import HOSTILE
from tests.integration.accounts.conftest import EMAIL

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TOPIC = "babamul.ztf-test"


@pytest.fixture
def tried(monkeypatch):
    """Passwords that Kafka, which is not here, was asked about; each is wrong."""
    heard = []

    def probe(_principal, pasted, *_, **__):
        heard.append(pasted)
        return ProbeOutcome.REFUSED

    monkeypatch.setattr(check_pages, "probe_reader", probe)
    return heard


def signed_in(user):
    browser = Client(headers={"host": "localhost"})
    browser.cookies[COOKIE] = sessions.open_session(user, "Firefox")
    return browser


@pytest.fixture
def inside(person):
    """A browser that is signed in, with active credentials."""
    KafkaCredential.objects.update(state="active")
    return signed_in(person["row"])


def asked(email=EMAIL, **more):
    row = KafkaCredential.objects.get(user__email=email, kind="named")
    return {"credential": str(row.pk), "topic": TOPIC, **more}


def test_the_sixth_password_in_a_row_is_not_tried(inside, tried):
    answers = [inside.post("/check/password", asked(password=f"wrong-{i}")) for i in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.context["tried"].name for answer in answers] == ["PASSWORD"] * 5 + ["BUSY"]
    assert len(tried) == 5
    assert 0 < int(answers[-1]["Retry-After"]) <= 10


def test_the_refusal_is_shown_where_the_page_asked_from(inside, tried):
    answers = [
        inside.post("/check/password", asked(password="wrong"), headers={"hx-request": "true"})
        for _ in range(6)
    ]

    assert (answers[-1].status_code, answers[-1]["HX-Reswap"]) == (429, "innerHTML")
    assert "<html" not in answers[-1].content.decode()


def test_another_account_has_tries_of_its_own(inside, tried):
    for _ in range(6):
        inside.post("/check/password", asked(password="wrong"))
    edwin = BabamulUser.objects.create(email="e@example.org", username="e", state="active")
    credentials.want(edwin, "named", "laptop", "x" * 32)
    KafkaCredential.objects.update(state="active")

    answer = signed_in(edwin).post("/check/password", asked(edwin.email, password="wrong"))

    assert answer.status_code == 200


@pytest.mark.parametrize("field", ["credential", "username", "topic", "group", "password"])
@pytest.mark.parametrize("path", ["/check", "/check/waiting", "/check/password"])
def test_a_field_of_the_check_takes_any_text(inside, tried, monkeypatch, path, field):
    monkeypatch.setattr(check_pages, "take", lambda *_, **__: None)
    monkeypatch.setattr(check_pages, "public_topics", lambda: [TOPIC])
    monkeypatch.setattr(check_pages, "group", lambda *_: None)
    monkeypatch.setattr(check_pages, "groups", lambda *_, **__: [])
    ask = inside.post if path == "/check/password" else inside.get

    answers = [ask(path, asked(password="wrong") | {field: text}) for text in HOSTILE]

    assert {answer.status_code for answer in answers} <= {200, 400, 404}
    assert not any(b"<script>alert(1)" in answer.content for answer in answers)
