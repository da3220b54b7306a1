"""Many requests at once: one wins, nobody is counted twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from accounts import mail
from accounts.models import AccessToken, BabamulUser, KafkaCredential, OneTimeCode, OutboxMail
from tests.integration.accounts.conftest import EMAIL, Api, code_in, send_mails

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _roomy(configured, monkeypatch):
    configured(accounts__activations_per_ip_h=10_000, accounts__activations_per_email_h=10_000)
    monkeypatch.setattr("accounts.credentials.enqueue", lambda *_: True)
    monkeypatch.setattr("accounts.mail.enqueue", lambda *_: True)


@pytest.fixture
def code(api, mails):
    api.post("signup", {"email": EMAIL})
    send_mails()
    return code_in(mails.mails[0])


def at_once(count, call):
    def run(index):
        try:
            return call(index)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(run, range(count)))


def test_fifty_activations_at_once_give_one_password(code):
    asked = {"email": EMAIL, "activation_code": code}

    answers = at_once(50, lambda _: Api().post("activate", asked))

    assert {answer.status_code for answer in answers} == {200}
    passwords = [answer.json()["password"] for answer in answers]
    assert sum(password is not None for password in passwords) == 1
    assert KafkaCredential.objects.count() == 2
    [right] = [password for password in passwords if password]
    assert Api().post("auth", {"email": EMAIL, "password": right}).status_code == 200


def test_wrong_tries_at_once_are_all_counted(code):
    asked = {"email": EMAIL, "activation_code": "wrong"}

    at_once(12, lambda _: Api().post("activate", asked))

    assert OneTimeCode.objects.get().tries == 12
    right = Api().post("activate", {"email": EMAIL, "activation_code": code})
    assert right.status_code == 400


def test_sign_ups_of_one_address_at_once_make_one_account_and_one_open_code(db, mails):
    answers = at_once(4, lambda _: Api().post("signup", {"email": EMAIL}))

    assert {answer.status_code for answer in answers} == {200}
    assert BabamulUser.objects.count() == 1
    assert OneTimeCode.objects.filter(used_at=None, voided_at=None).count() == 1


def test_a_mail_that_many_send_at_once_leaves_once(db, api, mails):
    api.post("signup", {"email": EMAIL})
    [waiting] = OutboxMail.objects.values_list("pk", flat=True)

    at_once(8, lambda _: mail.send(waiting))

    assert len(mails.mails) == 1


def test_ten_tokens_are_the_most_also_at_once(code):
    made = Api().post("activate", {"email": EMAIL, "activation_code": code}).json()
    jwt = Api().post("auth", {"email": EMAIL, "password": made["password"]}).json()["access_token"]

    answers = at_once(16, lambda i: Api(jwt).post("tokens", {"name": str(i)}))

    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [400] * 6
    assert AccessToken.objects.count() == 10


def test_ten_credentials_are_the_most_also_at_once(code):
    made = Api().post("activate", {"email": EMAIL, "activation_code": code}).json()
    jwt = Api().post("auth", {"email": EMAIL, "password": made["password"]}).json()["access_token"]

    at_once(16, lambda i: Api(jwt).post("kafka-credentials", {"name": str(i)}))

    assert KafkaCredential.objects.filter(kind="named").count() == 10
