"""Rows and Kafka that differ are brought together, whichever side was changed behind our back."""

import uuid

import pytest
from django.db import transaction
from django.db.models.functions import Now

from accounts import credentials, reconcile
from accounts.models import DriftReport, KafkaCredential, OutboxMail
from accounts.principals import new_password
from broker import kafka_admin
from broker.kafka_admin import Acl
from broker.kafka_groups import group_names
from tests.consumers import next_word
from tests.integration.credentials.conftest import granted, wanted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    """Take every row for one that did not change since Kafka was listed."""
    monkeypatch.setattr(reconcile, "_is_older", lambda _row, _moment: True)


def lines():
    """Compare once; return what differed: who → (what our row said, the repair)."""
    report = reconcile.reconcile()
    assert report.error == ""
    return {line["principal"]: (line["ours"], line["repair"]) for line in report.lines}


def rights(login):
    return kafka_admin.listed_rights(login.row.principal).get(login.row.principal)


def test_nothing_differs_after_a_grant(bell, owl, mine):
    granted(bell, owl)

    assert lines() == {}
    assert DriftReport.objects.count() == 1


def test_rights_that_were_taken_are_given_back(bell, owl, mine):
    login = granted(bell, owl)
    before = rights(login)
    kafka_admin.suspend(login.row.principal)

    assert lines() == {login.row.principal: ("active", "rights made right")}
    assert rights(login) == before
    assert login.now().lease_until is None
    assert lines() == {}


def test_rights_that_were_given_are_taken(bell, owl, mine):
    login = granted(bell, owl)
    before = rights(login)
    kafka_admin.ensure_acls(
        [Acl(login.row.principal, "topic", "ztf_", is_prefix=True, operations=("READ",))]
    )

    assert lines() == {login.row.principal: ("active", "rights made right")}
    assert rights(login) == before


def test_a_password_that_is_lost_needs_its_owner(bell, owl, mine):
    login, _other = granted(bell, owl), granted(bell, owl, "email")
    kafka_admin.take_secret(login.row.principal)

    assert lines() == {login.row.principal: ("active", "its owner is asked to rotate")}
    assert login.now().state == "needs_rotation"
    assert [mail.to for mail in OutboxMail.objects.all()] == [owl.email]


def test_a_credential_that_needs_rotation_can_do_nothing_until_then(bell, owl, mine):
    login = granted(bell, owl)
    KafkaCredential.objects.update(state="needs_rotation")

    assert lines() == {login.row.principal: ("needs_rotation", "revoked until it is rotated")}
    assert rights(login) is None
    assert not login.may_log_in()


def test_rights_of_a_suspended_credential_are_taken_again(bell, owl, mine):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.suspend_all(owl)
    bell.answer()
    kafka_admin.grant_rights(
        login.row.principal,
        kafka_admin.reader_rights(login.row.principal, login.row.group_prefix),
    )

    assert lines() == {login.row.principal: ("suspended", "rights taken")}
    assert rights(login) is None


def test_a_stranger_goes_when_it_was_seen_twice(owl, mine):
    ghost = f"babamul-{uuid.uuid4()}"
    mine.add(ghost)
    kafka_admin.grant_reader(ghost, new_password(), ghost)

    assert lines() == {ghost: ("nothing", reconcile.SEEN_ONCE)}
    assert ghost in kafka_admin.listed_secrets()
    assert lines() == {ghost: ("nothing", "revoked")}
    assert ghost not in kafka_admin.listed_secrets()
    assert kafka_admin.listed_rights(ghost) == {}


def test_what_was_revoked_and_is_back_goes_at_once(bell, owl, mine):
    login = granted(bell, owl)
    mine.add(login.row.principal)
    with transaction.atomic():
        credentials.revoke(login.row)
    bell.answer()
    kafka_admin.grant_reader(login.row.principal, login.password, login.row.group_prefix)

    assert lines() == {login.row.principal: ("revoked", "revoked")}
    assert not login.may_log_in()


def test_groups_go_with_their_credential_and_not_before(bell, owl, mine):
    login = granted(bell, owl)
    name = f"{login.row.principal}-old"
    mine.add(login.row.principal)
    reading = login.consumer("babamul.ztf-test", name)
    assert next_word(reading) == "message"
    reading.close()
    lines()
    assert group_names(name) == [name]

    with transaction.atomic():
        credentials.revoke(login.row)
    bell.answer()
    lines()

    assert group_names(name) == []


@pytest.mark.parametrize("name", ["telescope-17", "babamul-not-a-uuid", "pipeline"])
def test_principals_that_are_not_peoples_are_let_be(name):
    assert not reconcile.is_persons(name)


def test_a_grant_under_way_is_let_be(bell, owl, mine):
    login = wanted(owl)
    kafka_admin.set_secret(login.row.principal, login.password)

    assert lines() == {}


def test_a_row_that_a_task_holds_is_let_be(bell, owl, mine):
    login = granted(bell, owl)
    kafka_admin.suspend(login.row.principal)
    KafkaCredential.objects.update(lease_until=Now() + reconcile.KEPT)
    lease = login.now().lease_until

    assert lines() == {login.row.principal: ("active", "none: it is being changed just now")}
    assert rights(login) is None
    assert login.now().lease_until == lease, "the lease is the task's own"


def test_nothing_is_concluded_from_a_listing_without_any_password(bell, owl, mine, monkeypatch):
    login = granted(bell, owl)
    monkeypatch.setattr(kafka_admin, "listed_secrets", frozenset)

    report = reconcile.reconcile()
    assert (report.lines, report.error[:24]) == ([], "Kafka lists no password ")
    assert login.now().state == "active"
    reconcile.reconcile()
    assert login.now().state == "needs_rotation", "twice running is believed"


def test_nothing_is_concluded_from_a_listing_without_our_own_rights(bell, owl, mine, monkeypatch):
    login = granted(bell, owl)
    monkeypatch.setattr(kafka_admin, "listed_rights", dict)

    assert "no right of pipeline" in reconcile.reconcile().error
    assert login.now().state == "active"


def test_one_comparison_at_a_time(owl):
    with reconcile.lock(reconcile.LOCK):
        assert reconcile.reconcile() is None
