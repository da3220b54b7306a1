"""What is taken is taken at once, from consumers that run and from those that come."""

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from accounts import credentials, people, settlement
from accounts.models import BabamulUser, DriftReport, KafkaCredential
from broker import kafka_admin
from tests.consumers import REVOKED_WITHIN_S, next_word, refusal
from tests.integration.credentials.conftest import Login, eventually, granted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

TOPIC = "babamul.ztf-test"


def running(login):
    """Return a consumer that has read a message."""
    reading = login.consumer(TOPIC)
    assert next_word(reading) == "message"
    return reading


def test_a_revoked_credential_stops_a_running_consumer_and_lets_nobody_in(bell, owl):
    login = granted(bell, owl)
    reading = running(login)

    with transaction.atomic():
        credentials.revoke(login.row)
    taken_at_s = time.monotonic()
    bell.answer()

    told, late_s = refusal(reading, taken_at_s)
    assert told == "TOPIC_AUTHORIZATION_FAILED"
    assert late_s < REVOKED_WITHIN_S
    assert not login.may_log_in()
    assert login.now().state == "revoked"
    assert kafka_admin.listed_rights(login.row.principal) == {}


def test_revoking_twice_is_revoking_once(bell, owl):
    login = granted(bell, owl)
    for _ in range(2):
        with transaction.atomic():
            credentials.revoke(login.row)
    bell.answer()

    assert login.now().state == "revoked"
    assert login.now().generation == login.row.generation + 1


def test_a_suspended_credential_logs_in_and_reads_nothing(bell, owl):
    login = granted(bell, owl)
    reading = running(login)

    with transaction.atomic():
        credentials.suspend_all(owl)
    taken_at_s = time.monotonic()
    bell.answer()

    told, late_s = refusal(reading, taken_at_s)
    assert told == "TOPIC_AUTHORIZATION_FAILED"
    assert late_s < REVOKED_WITHIN_S
    assert login.may_log_in()
    assert login.now().state == "suspended"


def test_a_restored_credential_reads_with_its_old_password(bell, owl):
    login = granted(bell, owl)
    for act in (credentials.suspend_all, credentials.restore_all):
        with transaction.atomic():
            act(owl)
        bell.answer()

    assert login.now().state == "active"
    reading = login.consumer(TOPIC)
    eventually(lambda: next_word(reading) == "message")
    reading.close()


def test_a_suspended_credential_cannot_be_rotated(bell, owl):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.suspend_all(owl)

    with pytest.raises(credentials.CredentialError, match="suspending"), transaction.atomic():
        credentials.rotate(login.row, "x" * 32)


def test_what_was_wanted_when_it_was_suspended_is_granted_when_it_is_restored(bell, owl):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.rotate(login.row, "y" * 32)
        credentials.suspend_all(owl)
    bell.answer()
    with transaction.atomic():
        credentials.restore_all(owl)
    bell.answer()

    assert login.now().state == "active"
    assert login.may_log_in("y" * 32)


def test_an_older_password_does_not_come_back_when_the_newer_one_was_never_granted(bell, owl):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.rotate(login.row, "y" * 32)
        credentials.suspend_all(owl)
    bell.answer()
    KafkaCredential.objects.update(secret_expires_at=Now() - timedelta(seconds=1))
    settlement.sweep()
    assert bytes(login.now().secret_encrypted) == b"", "nobody keeps a password that old"
    with transaction.atomic():
        credentials.restore_all(owl)
    bell.answer()

    assert login.now().state == "needs_rotation"
    assert login.now().secret_encrypted is None
    assert kafka_admin.listed_rights(login.row.principal) == {}


def test_a_password_that_was_withdrawn_does_not_come_back_by_restoring(bell, owl):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.demand_rotation(login.row, "withdrawn")
        credentials.suspend_all(owl)
    bell.answer()
    assert login.now().state == "suspended"
    with transaction.atomic():
        credentials.restore_all(owl)
    bell.answer()

    assert login.now().state == "needs_rotation"
    assert kafka_admin.listed_rights(login.row.principal) == {}


def test_a_deleted_account_is_forgotten_once_kafka_has_forgotten_it(bell, owl):
    named, email = granted(bell, owl), granted(bell, owl, "email")

    DriftReport.objects.create(lines=[{"principal": owl.email, "ours": "active"}])
    people.delete(owl, "account:himself")
    assert BabamulUser.objects.get().email == owl.email
    bell.answer()

    gone = BabamulUser.objects.get()
    assert gone.state == "deleted"
    assert owl.email not in str(BabamulUser.objects.values())
    assert owl.email not in str(KafkaCredential.objects.values())
    assert owl.email not in str(DriftReport.objects.values())
    assert not named.may_log_in()
    assert not email.may_log_in()


def test_an_account_without_credentials_is_forgotten_by_the_sweep(bell, owl):
    people.delete(owl, "account:himself")
    settlement.sweep()

    assert BabamulUser.objects.get().state == "deleted"


def test_a_deleted_address_may_sign_up_again(bell, owl):
    granted(bell, owl, "email")
    people.delete(owl, "account:himself")
    bell.answer()

    again = BabamulUser.objects.create(email=owl.email, username="owl", state="active")
    assert Login(granted(bell, again, "email").row, "").now().state == "active"


def test_two_people_with_named_credentials_both_receive_everything(bell, make_person):
    first, second = (granted(bell, make_person()) for _ in range(2))

    for login in (first, second):
        reading = login.consumer(TOPIC, f"{login.row.principal}-client-1")
        assert next_word(reading) == "message"
        reading.close()


def test_nobody_joins_the_group_of_anothers_named_credential(bell, make_person):
    mine, theirs = (granted(bell, make_person()) for _ in range(2))

    reading = mine.consumer(TOPIC, f"{theirs.row.principal}-client-1")
    assert next_word(reading) == "GROUP_AUTHORIZATION_FAILED"
    reading.close()
