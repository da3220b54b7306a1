"""Accounts on real Postgres and Redis, with mails that really leave; Kafka stays unasked."""

import json
import re
import uuid

import pytest
from django.db import connection
from django.test import Client

from accounts import mail
from accounts.models import BabamulUser, OutboxMail
from broker import limits
from broker.config import config
from tests.standins import mail_server as smtp

EMAIL = "vera@example.org"
PASSWORD = "Correct-horse-7"


@pytest.fixture
def configured(monkeypatch):
    """Return a function that changes settings for this test."""

    def configure(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"NIGHTJAR_{name.upper()}", str(value))
        config.cache_clear()

    yield configure
    monkeypatch.undo()
    config.cache_clear()


@pytest.fixture(autouse=True)
def _alone(monkeypatch, parts, configured):
    """Let nobody wait for Kafka, and let no other test's requests count."""
    configured(accounts__grant_wait_s=0)
    own = uuid.uuid4().hex
    real = limits._name
    monkeypatch.setattr(limits, "_name", lambda bucket, key: real(f"{own}:{bucket}", key))


@pytest.fixture
def mails(configured):
    """Return a mail server that our mails go to."""
    with smtp.running() as server:
        configured(mail__host="127.0.0.1", mail__port=server.port, mail__security="none")
        yield server


class Api:
    """A program that calls ``/babamul``."""

    def __init__(self, token="", address="203.0.113.7"):
        headers = {"host": "localhost"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.client = Client(headers=headers, REMOTE_ADDR=address, raise_request_exception=False)

    def post(self, path, body=None):
        return self.client.post(f"/babamul/{path}", json.dumps(body or {}), "application/json")

    def get(self, path):
        return self.client.get(f"/babamul/{path}")

    def delete(self, path):
        return self.client.delete(f"/babamul/{path}")


@pytest.fixture
def api():
    return Api()


def send_mails():
    """Send what waits, as the worker would after the commit."""
    for row in OutboxMail.objects.filter(state="waiting").order_by("pk"):
        mail.send(row.pk)


def code_in(message):
    """Return the code that stands alone on a line of a mail's plain text."""
    text = message.get_body(("plain",)).get_content()
    return re.search(r"^\s*([0-9a-f-]{36}|[A-Za-z0-9]{48})\s*$", text, re.MULTILINE)[1]


@pytest.fixture
def signed_up(db, api, mails):
    """Return a function that signs an address up and returns its code."""

    def sign_up(email=EMAIL):
        assert api.post("signup", {"email": email}).status_code == 200
        send_mails()
        return code_in(mails.to(email)[-1])

    return sign_up


@pytest.fixture
def person(signed_up, api):
    """Return an activated account with what its activation answered."""
    answer = api.post("activate", {"email": EMAIL, "activation_code": signed_up()})
    assert answer.status_code == 200, answer.content
    return answer.json() | {"row": BabamulUser.objects.get(email=EMAIL)}


@pytest.fixture
def token(person, api):
    """Return the account's JWT."""
    answer = api.post("auth", {"email": EMAIL, "password": person["password"]})
    assert answer.status_code == 200, answer.content
    return answer.json()["access_token"]


@pytest.fixture
def mine(token):
    """Return the account's own program."""
    return Api(token)


def whole_database():
    """Return the text of every row of every table of people."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            if table.startswith(("babamul_", "mail_", "accounts_", "django_")):
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)
