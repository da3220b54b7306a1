"""What nobody needs is forgotten; what somebody needs stays."""

import os
import time
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import codes, expiry, sessions, tokens
from accounts.models import (
    AccessToken,
    BabamulUser,
    KafkaCredential,
    OneTimeCode,
    OutboxMail,
    WebSession,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
OLD = timedelta(days=31)


@pytest.fixture
def user(db):
    return BabamulUser.objects.create(email="v@example.org", username="v", state="active")


def mail(state):
    return OutboxMail.objects.create(
        to="v@example.org", subject="x", state=state, expires_at=Now(), created_at=Now() - OLD
    )


def test_mails_that_ended_long_ago_go_with_their_address(user):
    waiting, _, _ = mail("waiting"), mail("sent"), mail("failed")
    OutboxMail.objects.create(to="v@example.org", subject="new", state="sent", expires_at=Now())

    assert expiry.forget_old()["mails"] == 2
    assert set(OutboxMail.objects.values_list("subject", "state")) == {
        ("x", waiting.state),
        ("new", "sent"),
    }


def test_dead_codes_go_and_the_used_activation_stays(user):
    codes.issue(user, "reset")
    codes.redeem(user, "activation", codes.issue(user, "activation"), "192.0.2.7")
    OneTimeCode.objects.update(expires_at=Now() - OLD)
    codes.issue(user, "reset")

    assert expiry.forget_old()["codes"] == 1
    assert OneTimeCode.objects.count() == 2  # a repeated activation must still be known


def test_sessions_that_idled_away_go(user):
    sessions.open_session(user, "old")
    WebSession.objects.update(last_seen_at=Now() - OLD)
    sessions.open_session(user, "new")

    assert expiry.forget_old()["sessions"] == 1
    assert WebSession.objects.get().agent == "new"


def test_credentials_that_were_revoked_long_ago_go(user):
    for principal, state, days in (
        ("long ago", "revoked", 91),
        ("of late", "revoked", 89),
        ("in use", "active", 91),
    ):
        KafkaCredential.objects.create(
            user=user, kind="named", name="x", group_prefix="x", principal=principal, state=state,
            confirmed_at=Now() - timedelta(days=days),
        )  # fmt: skip

    assert expiry.forget_old()["credentials"] == 1
    left = set(KafkaCredential.objects.values_list("principal", flat=True))
    assert left == {"of late", "in use"}


def test_tokens_that_expired_long_ago_go(user):
    for name, days in (("long ago", -91), ("of late", -89), ("in use", 1)):
        tokens.new_personal(user, name, days)

    assert expiry.forget_old()["tokens"] == 1
    assert set(AccessToken.objects.values_list("name", flat=True)) == {"of late", "in use"}


def test_files_of_mails_go_after_a_week(db, configured, tmp_path):
    configured(mail__spool_dir=tmp_path)
    for name, days in (("1.1.eml", 8), (".x.part", 8), ("2.2.eml", 6), ("notes.txt", 8)):
        (tmp_path / name).touch()
        then_s = time.time() - days * 86_400
        os.utime(tmp_path / name, (then_s, then_s))

    assert expiry.forget_old()["files"] == 2
    assert {file.name for file in tmp_path.iterdir()} == {"2.2.eml", "notes.txt"}


def test_without_a_folder_of_mails_there_is_nothing_to_delete(db, configured, tmp_path):
    configured(mail__spool_dir=tmp_path / "none")

    assert expiry.forget_old()["files"] == 0


def test_addresses_that_nobody_confirmed_go_unless_a_code_is_still_good(user):
    for name in ("typed", "waiting"):
        BabamulUser.objects.create(email=f"{name}@x.org", username=name, created_at=Now() - OLD)
    codes.issue(BabamulUser.objects.get(username="waiting"), "activation")
    BabamulUser.objects.update(created_at=Now() - OLD)

    expiry.forget_old()

    assert set(BabamulUser.objects.values_list("username", flat=True)) == {"v", "waiting"}
