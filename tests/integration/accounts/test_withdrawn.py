"""The mail about a password that opens Kafka no more says why, whoever took it."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import governing, settlement
from accounts.models import KafkaCredential
from broker import kafka_admin
from tests.integration.accounts.conftest import EMAIL, send_mails

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def row(person, monkeypatch):
    """Return an active credential; Kafka does what it is told."""
    monkeypatch.setattr(kafka_admin, "revoke", lambda _: None)
    monkeypatch.setattr(kafka_admin, "listed_rights", lambda _: {})
    monkeypatch.setattr(kafka_admin, "has_secret", lambda _: False)
    KafkaCredential.objects.update(state="active", secret_encrypted=None)
    return person["row"].credentials.get(kind="named")


def withdraw(row):
    governing.rotate(row, "staff:ada", "seen in a public repository")
    row.refresh_from_db()
    settlement.settle(str(row.pk), row.generation)


def lose(row):
    settlement.lose(row, settlement.LOST)


def expire(row):
    KafkaCredential.objects.filter(pk=row.pk).update(
        state="wanted", secret_encrypted=b"x", secret_expires_at=Now() - timedelta(seconds=1)
    )
    settlement.settle(str(row.pk), row.generation)


WHY = {withdraw: governing.ROTATED, lose: settlement.LOST, expire: settlement.EXPIRED}


@pytest.mark.parametrize("act", WHY, ids=lambda act: act.__name__)
def test_both_forms_of_the_mail_say_why(act, row, mails):
    act(row)
    send_mails()

    mail = mails.to(EMAIL)[-1]
    for form in ("plain", "html"):
        text = " ".join(mail.get_body((form,)).get_content().split())
        assert WHY[act] in text
        assert row.principal in text


def test_who_is_given_a_credential_is_mailed_to_draw_its_password(row, mails):
    governing.give_credential(row.user, "staff:ada", "he asked by telephone")
    given = KafkaCredential.objects.get(name=governing.GIVEN_NAME)

    settlement.settle(str(given.pk), given.generation)
    send_mails()

    text = " ".join(mails.to(EMAIL)[-1].get_body(("plain",)).get_content().split())
    assert f"Your login {given.principal} has no password at Kafka. {governing.GIVEN}." in text
