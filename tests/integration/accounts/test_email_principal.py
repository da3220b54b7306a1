"""Where an operator wants no addresses at Kafka, named credentials alone open it."""

import pytest
from django.test import Client

from accounts import reconcile
from accounts.models import AuditEntry, BabamulUser, KafkaCredential
from tests.integration.accounts.conftest import EMAIL, Api, code_in, send_mails
from tests.integration.accounts.test_pages import shown_in, text_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NEW = "Another-horse-8"


@pytest.fixture
def switched_off(configured):
    configured(babamul__email_principal=False)


def test_an_activation_gives_a_named_credential_alone(switched_off, signed_up, api):
    answer = api.post("activate", {"email": EMAIL, "activation_code": signed_up()}).json()

    [row] = KafkaCredential.objects.all()
    assert row.kind == "named"
    assert answer["kafka_username"] == answer["credential"]["kafka_username"] == row.principal
    login = {"email": EMAIL, "password": answer["password"]}
    assert api.post("auth", login).status_code == 200


def test_the_profile_names_what_kafka_knows(switched_off, signed_up, api):
    body = {"email": EMAIL, "activation_code": signed_up()}
    password = api.post("activate", body).json()["password"]
    token = api.post("auth", {"email": EMAIL, "password": password}).json()["access_token"]
    row = KafkaCredential.objects.get()

    assert Api(token).get("profile").json()["data"]["kafka_username"] == row.principal

    KafkaCredential.objects.update(state="revoked")

    assert Api(token).get("profile").json()["data"]["kafka_username"] == ""


def test_the_page_of_an_activation_says_what_the_password_opens(switched_off, signed_up):
    browser = Client(headers={"host": "localhost"})

    answer = browser.post("/activate", {"email": EMAIL, "code": signed_up()})

    assert "under your address, Kafka" not in text_of(answer)
    assert shown_in(answer, "email") == EMAIL
    assert KafkaCredential.objects.get().principal in text_of(answer)


def test_a_new_password_wants_no_address_at_kafka(switched_off, signed_up, api, mails):
    api.post("activate", {"email": EMAIL, "activation_code": signed_up()})
    api.post("forgot-password", {"email": EMAIL})
    send_mails()
    body = {"email": EMAIL, "token": code_in(mails.to(EMAIL)[-1]), "new_password": NEW}

    assert api.post("reset-password", body).status_code == 200
    send_mails()

    assert KafkaCredential.objects.filter(kind="email").count() == 0
    told = [message.get_body(("plain",)).get_content() for message in mails.to(EMAIL)[-2:]]
    assert not any("under your address" in text for text in told)


def test_those_that_there_are_end_when_they_are_switched_off(person, configured):
    reconcile._end_email_principals()
    assert KafkaCredential.objects.get(kind="email").state == "wanted"
    configured(babamul__email_principal=False)

    reconcile._end_email_principals()
    reconcile._end_email_principals()

    assert KafkaCredential.objects.get(kind="email").state == "revoking"
    assert KafkaCredential.objects.get(kind="named").state == "wanted"
    assert AuditEntry.objects.filter(action="revoke").count() == 1


def test_they_come_back_with_the_next_new_password(switched_off, signed_up, api, mails, configured):
    api.post("activate", {"email": EMAIL, "activation_code": signed_up()})
    configured(babamul__email_principal=True)
    api.post("forgot-password", {"email": EMAIL})
    send_mails()
    body = {"email": EMAIL, "token": code_in(mails.to(EMAIL)[-1]), "new_password": NEW}

    assert api.post("reset-password", body).status_code == 200
    assert KafkaCredential.objects.get(kind="email").principal == EMAIL
    assert BabamulUser.objects.get().state == "active"
