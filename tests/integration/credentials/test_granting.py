"""From a wish to a login that works, and what stands in the row on the way."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from accounts import credentials, settlement
from accounts.models import KafkaCredential, OutboxMail
from accounts.principals import new_password
from broker import kafka_admin
from broker.errors import TransientError
from broker.kafka_topics import TopicSpec
from tests.consumers import next_word
from tests.integration.credentials.conftest import Login, granted, wanted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

READER = ["DESCRIBE topic babamul.*", "READ topic babamul.*"]


@pytest.mark.parametrize("kind", ["email", "named"])
def test_a_wish_becomes_a_login_that_reads(bell, owl, kind):
    login = granted(bell, owl, kind)

    reading = login.consumer("babamul.ztf-test")
    assert next_word(reading) == "message"
    reading.close()
    assert login.row.secret_encrypted is None
    assert login.row.confirmed_at is not None


def test_it_may_read_public_topics_in_its_own_groups_and_nothing_else(bell, owl):
    named, email = granted(bell, owl), granted(bell, owl, "email")

    own = f"READ group {named.row.principal}*"
    assert kafka_admin.listed_rights(named.row.principal) == {
        named.row.principal: sorted([*READER, own])
    }
    assert kafka_admin.listed_rights(owl.email) == {
        owl.email: sorted([*READER, "READ group babamul-*"])
    }
    assert email.row.group_prefix == "babamul-"


def test_nothing_is_rung_for_a_wish_that_was_rolled_back(bell, owl):
    with transaction.atomic():
        credentials.want(owl, "named", "laptop", new_password())
        transaction.set_rollback(True)

    assert bell.rings == []
    assert not KafkaCredential.objects.exists()


def test_the_password_waits_sealed(bell, owl):
    login = wanted(owl)

    assert login.password.encode() not in bytes(login.now().secret_encrypted)
    assert not login.may_log_in()


def test_a_suspended_account_cannot_wish(bell, owl):
    owl.state = "suspended"
    owl.save()

    with pytest.raises(credentials.CredentialError, match="suspended"), transaction.atomic():
        credentials.want(owl, "named", "laptop", new_password())


def test_a_silent_test_stream_is_told_in_the_note(bell, owl, monkeypatch):
    silent = "babamul.silent-test"
    kafka_admin.ensure_topics([TopicSpec(silent, 1, 3_600_000)])
    monkeypatch.setattr(kafka_admin, "PROBE_TOPIC", silent)

    assert granted(bell, owl).row.note == "no test message yet"


def test_a_login_is_not_ready_while_there_is_nothing_to_read_with_it(bell, owl, monkeypatch):
    monkeypatch.setattr(kafka_admin, "PROBE_TOPIC", "babamul.not-there")
    monkeypatch.setattr(settlement, "PROBE_S", 2.0)
    login = wanted(owl)

    bell.answer_once()

    assert login.now().state == "wanted"
    assert login.now().last_error.endswith("no such topic")


def test_trouble_is_told_in_the_row_and_tried_again_after_a_pause(bell, owl, monkeypatch):
    def away(*_):
        raise TransientError("Kafka: nobody there")

    login = wanted(owl)
    with monkeypatch.context() as patch:
        patch.setattr(kafka_admin, "set_secret", away)
        bell.answer_once()
    row = login.now()
    assert (row.state, row.last_error) == ("wanted", "Kafka: nobody there")
    settlement.settle(str(row.pk), row.generation)
    assert login.now().state == "wanted", "it was tried before its pause was over"

    KafkaCredential.objects.update(next_try_at=Now())
    assert settlement.sweep() == 1
    bell.answer()

    assert login.now().state == "active"
    assert login.may_log_in()


def test_a_mistake_of_ours_is_told_in_the_row_and_raised(bell, owl, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    login = wanted(owl)
    monkeypatch.setattr(kafka_admin, "set_secret", broken)
    with pytest.raises(ZeroDivisionError):
        bell.answer_once()

    assert login.now().state == "wanted"
    assert "ZeroDivisionError" in login.now().last_error


def test_a_password_that_waited_an_hour_is_forgotten_and_its_owner_told(bell, owl):
    login = wanted(owl)
    KafkaCredential.objects.update(secret_expires_at=Now() - timedelta(seconds=1))

    bell.answer()

    assert login.now().state == "needs_rotation"
    assert login.now().secret_encrypted is None
    assert not login.may_log_in()
    assert [mail.to for mail in OutboxMail.objects.all()] == [owl.email]


def test_the_owner_rotates_what_was_forgotten(bell, owl):
    login = wanted(owl)
    KafkaCredential.objects.update(secret_expires_at=Now() - timedelta(seconds=1))
    bell.answer()

    password = new_password()
    with transaction.atomic():
        credentials.rotate(login.now(), password)
    bell.answer()

    assert login.now().state == "active"
    assert login.may_log_in(password)


def test_of_two_passwords_the_newer_works_and_the_older_does_not(bell, owl):
    login, password = granted(bell, owl), new_password()

    with transaction.atomic():
        credentials.rotate(login.row, password)
    bell.answer()

    assert login.may_log_in(password)
    assert not login.may_log_in()


def test_a_late_task_of_an_older_wish_does_nothing(bell, owl):
    login = wanted(owl)
    late = login.row.generation
    with transaction.atomic():
        credentials.rotate(login.row, new_password())

    settlement.settle(str(login.row.pk), late)

    assert login.now().state == "wanted"
    assert not login.may_log_in()


def test_a_wish_in_the_middle_of_a_grant_has_the_last_word(bell, owl, monkeypatch):
    login, password = wanted(owl), new_password()
    probe = kafka_admin.probe_reader

    def changed_his_mind(*arguments, **options):
        monkeypatch.setattr(kafka_admin, "probe_reader", probe)
        with transaction.atomic():
            credentials.rotate(login.row, password)
        # The newer task comes while the older one still works: it must not begin.
        settlement.settle(str(login.row.pk), login.row.generation + 1)
        assert login.now().state == "wanted"
        return probe(*arguments, **options)

    monkeypatch.setattr(kafka_admin, "probe_reader", changed_his_mind)
    bell.answer()

    assert login.now().state == "active"
    assert login.may_log_in(password)
    assert not login.may_log_in()


def test_everything_of_an_account_is_waited_for(bell, owl):
    first, second = granted(bell, owl), wanted(owl)

    ids = [first.row.pk, second.row.pk]
    assert not credentials.await_state(ids, ("active",), 0)
    bell.answer()
    assert credentials.await_state(ids, ("active",), 0)


def test_an_email_principal_is_rekeyed_not_doubled(bell, owl):
    first, again = granted(bell, owl, "email"), wanted(owl, "email")
    bell.answer()

    assert again.row.pk == first.row.pk
    assert Login(again.now(), again.password).may_log_in()
    assert not first.may_log_in()
