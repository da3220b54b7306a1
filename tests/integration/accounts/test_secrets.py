"""A password or code that was shown once is afterwards in no row, no log line and no ring."""

import io

import pytest
from django.test import TestCase

from accounts.models import KafkaCredential, OutboxMail
from broker import logs
from broker.celery import doorbell
from broker.config import build
from tests.integration.accounts.conftest import (
    EMAIL,
    Api,
    code_in,
    send_mails,
    whole_database,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def lines():
    """Return what is logged, down to debug."""
    stream = io.StringIO()
    logs.configure(build(toml={"logs": {"level": "debug"}}), stream)
    yield stream
    logs.configure()


@pytest.fixture
def rings(monkeypatch):
    """Return what is rung for, instead of ringing."""
    rung = []
    monkeypatch.setattr(doorbell, "ring", rung.append)
    return rung


def test_no_secret_of_a_whole_life_is_found_anywhere(db, api, mails, lines, rings):
    new_password = "Another-horse-8"
    with TestCase.captureOnCommitCallbacks(execute=True):
        api.post("signup", {"email": EMAIL})
    send_mails()
    code = code_in(mails.mails[0])
    with TestCase.captureOnCommitCallbacks(execute=True):
        made = api.post("activate", {"email": EMAIL, "activation_code": code}).json()
    jwt = api.post("auth", {"email": EMAIL, "password": made["password"]}).json()["access_token"]
    mine = Api(jwt)
    with TestCase.captureOnCommitCallbacks(execute=True):
        named = mine.post("kafka-credentials", {"name": "a"}).json()["data"]["kafka_password"]
    personal = mine.post("tokens", {"name": "a"}).json()["access_token"]
    api.post("auth", {"email": EMAIL, "password": "Wrong-horse-99"})
    with TestCase.captureOnCommitCallbacks(execute=True):
        api.post("forgot-password", {"email": EMAIL})
    send_mails()
    token = code_in(mails.mails[1])
    body = {"email": EMAIL, "token": token, "new_password": new_password}
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert api.post("reset-password", body).status_code == 200
    send_mails()
    secrets = {
        "code": code,
        "password": made["password"],
        "first": made["credential"]["kafka_password"],
        "named": named,
        "jwt": jwt,
        "personal": personal[5:],
        "token": token,
        "new": new_password,
        "wrong": "Wrong-horse-99",
    }

    rows, log, rung = whole_database(), lines.getvalue(), repr(rings)

    assert rings, "nothing was rung: the callbacks did not run"
    assert "mail.sent" in log
    assert {name for name, text in secrets.items() if text in rows} == set()
    assert {name for name, text in secrets.items() if text in log} == set()
    assert {name for name, text in secrets.items() if text in rung} == set()
    assert not OutboxMail.objects.exclude(body_encrypted=None).exists()
    assert KafkaCredential.objects.filter(secret_encrypted=None).count() == 0  # sealed, see rows
