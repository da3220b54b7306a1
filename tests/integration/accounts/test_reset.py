"""A new password: the mailed token, what ends with it, and what does not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts import people, sessions
from accounts.models import AccessToken, BabamulUser, KafkaCredential, OneTimeCode, OutboxMail
from broker.secrets_box import open_sealed
from tests.integration.accounts.conftest import EMAIL, PASSWORD, Api, code_in, send_mails

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NEW = "Another-horse-8"


@pytest.fixture
def forgotten(person, api, mails):
    """Return the token that was mailed."""
    assert api.post("forgot-password", {"email": EMAIL}).status_code == 200
    send_mails()
    return code_in(mails.to(EMAIL)[-1])


def reset(api, token, password=NEW, email=EMAIL, **more):
    body = {"email": email, "token": token, "new_password": password, **more}
    return api.post("reset-password", body)


def test_known_and_unknown_addresses_get_the_same_answer(person, api):
    known = api.post("forgot-password", {"email": EMAIL})
    unknown = api.post("forgot-password", {"email": "nobody@example.org"})
    no_address = api.post("forgot-password", {"email": "nobody"})

    assert {a.status_code for a in (known, unknown, no_address)} == {200}
    assert known.content == unknown.content == no_address.content


def test_the_work_for_known_and_unknown_addresses_is_the_same_and_leaves_nothing(
    person, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr("accounts.mail.enqueue", lambda *bell: rung.append(bell))

    def work(email):
        rung.clear()
        with (
            CaptureQueriesContext(connection) as asked,
            django_capture_on_commit_callbacks(execute=True),
        ):
            people.forget_password(email)
        kept = (OneTimeCode.objects.filter(purpose="reset").count(), OutboxMail.objects.count())
        statements = [" ".join(query["sql"].split()[:3]) for query in asked.captured_queries]
        return [sql for sql in statements if "SAVEPOINT" not in sql], len(rung), kept

    before = OutboxMail.objects.count()
    *unknown, after_unknown = work("nobody@example.org")
    *known, after_known = work(EMAIL)

    assert after_unknown == (0, before)
    assert after_known == (1, before + 1)
    assert unknown == known
    assert len(known[0]) >= 5
    assert known[1] == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["forget", "reset", "activate"])
def test_what_is_asked_of_an_unknown_address_is_committed_as_a_writing(way, monkeypatch):
    # A transaction that wrote nothing would not wait for the disk, and its answer come sooner.
    monkeypatch.setattr("accounts.mail.enqueue", lambda *_: True)
    ask = {
        "forget": lambda: people.forget_password("nobody@example.org"),
        "reset": lambda: people.reset_password("nobody@example.org", "x", NEW, "203.0.113.7"),
        "activate": lambda: people.activate("nobody@example.org", "x", "203.0.113.7"),
    }[way]
    assigned = []

    def watch(execute, sql, params, many, context):
        found = execute(sql, params, many, context)
        with connection.connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            assigned.append(cursor.fetchone()[0])
        return found

    with connection.execute_wrapper(watch):
        ask()

    assert assigned[-1]
    assert (OneTimeCode.objects.count(), OutboxMail.objects.count()) == (0, 0)


def test_only_an_active_account_gets_a_mail(signed_up, api, mails):
    signed_up()
    api.post("forgot-password", {"email": EMAIL})
    api.post("forgot-password", {"email": "nobody@example.org"})
    send_mails()

    assert len(mails.mails) == 1  # that of the sign-up


def test_the_token_has_48_letters_and_digits_and_stands_in_a_link(forgotten, mails):
    assert len(forgotten) == 48
    assert forgotten.isalnum()
    assert f"token={forgotten}" in mails.mails[-1].get_body(("plain",)).get_content()


def test_the_new_password_opens_and_the_old_one_does_not(forgotten, person, api):
    assert reset(api, forgotten).status_code == 200

    assert api.post("auth", {"email": EMAIL, "password": NEW}).status_code == 200
    old = api.post("auth", {"email": EMAIL, "password": person["password"]})
    assert old.status_code == 401


def test_a_reset_ends_jwts_and_sessions(token, forgotten, api):
    user = BabamulUser.objects.get()
    cookie = sessions.open_session(user, "test")
    assert Api(token).get("profile").status_code == 200

    reset(api, forgotten)

    assert Api(token).get("profile").status_code == 401
    assert sessions.find_session(cookie) is None


def test_a_reset_rekeys_the_email_principal_and_nothing_else(forgotten, api):
    before = KafkaCredential.objects.get(kind="named")

    reset(api, forgotten)

    email = KafkaCredential.objects.get(kind="email")
    assert open_sealed(bytes(email.secret_encrypted)) == NEW.encode()
    assert email.generation == 2
    assert KafkaCredential.objects.get(kind="named").generation == before.generation


def test_personal_tokens_survive_unless_all_shall_go(mine, forgotten, api):
    mine.post("tokens", {"name": "laptop"})

    reset(api, forgotten)

    assert AccessToken.objects.count() == 1


def test_everything_goes_when_asked(mine, forgotten, api):
    mine.post("tokens", {"name": "laptop"})

    assert reset(api, forgotten, revoke_all=True).status_code == 200

    assert AccessToken.objects.count() == 0
    assert KafkaCredential.objects.get(kind="named").state == "revoking"
    assert KafkaCredential.objects.get(kind="email").state == "wanted"


def test_a_principal_that_staff_suspended_stays_so(forgotten, api):
    KafkaCredential.objects.filter(kind="email").update(state="suspended")

    assert reset(api, forgotten).status_code == 200
    row = KafkaCredential.objects.get(kind="email")
    assert row.state == "suspended"
    assert open_sealed(bytes(row.secret_encrypted)) == NEW.encode()  # what Restore will grant
    assert api.post("auth", {"email": EMAIL, "password": NEW}).status_code == 200


def test_a_token_is_good_once(forgotten, api, configured):
    configured(accounts__reset_cooldown_s=0)
    assert reset(api, forgotten).status_code == 200

    assert reset(api, forgotten, PASSWORD).status_code == 400


@pytest.mark.parametrize("way", ["wrong", "expired", "foreign address", "unknown address"])
def test_a_bad_token_gets_one_answer(way, forgotten, api):
    if way == "expired":
        OneTimeCode.objects.update(expires_at=Now() - timedelta(seconds=1))
    answer = {
        "wrong": lambda: reset(api, "x" * 48),
        "expired": lambda: reset(api, forgotten),
        "foreign address": lambda: reset(api, forgotten, email="edwin@example.org"),
        "unknown address": lambda: reset(api, forgotten, email="nobody"),
    }[way]()

    assert answer.status_code == 400
    assert answer.json()["errors"] == {}
    assert answer.json()["message"].startswith("The code or the e-mail is wrong")


def test_the_fifth_wrong_try_kills_the_token(forgotten, api):
    for _ in range(5):
        reset(api, "x" * 48)

    assert reset(api, forgotten).status_code == 400


def test_an_activation_code_sets_no_password(signed_up, api):
    code = signed_up()

    assert reset(api, code).status_code == 400


def test_a_weak_password_is_told_every_rule_and_the_token_stays_good(forgotten, api):
    answer = reset(api, forgotten, "weak")

    assert answer.status_code == 400
    assert answer.json()["errors"]["new_password"] == [
        "must have 12 to 128 characters",
        "must contain an upper-case letter",
        "must contain a digit",
        "must contain a special character",
    ]
    assert reset(api, forgotten).status_code == 200


def test_right_after_a_change_a_right_token_has_to_wait_and_stays_good(forgotten, api):
    BabamulUser.objects.update(password_changed_at=Now() - timedelta(minutes=5))

    answer = reset(api, forgotten)

    assert answer.status_code == 429
    assert 550 <= int(answer["Retry-After"]) <= 600
    assert OneTimeCode.objects.get(purpose="reset").used_at is None


def test_right_after_a_change_a_wrong_token_learns_nothing(forgotten, api):
    BabamulUser.objects.update(password_changed_at=Now())

    assert reset(api, "x" * 48).status_code == 400


def test_right_after_a_change_no_mail_is_sent_and_nothing_said(forgotten, api, mails):
    reset(api, forgotten)
    send_mails()
    sent = len(mails.mails)

    assert api.post("forgot-password", {"email": EMAIL}).status_code == 200
    send_mails()

    assert len(mails.mails) == sent


def test_the_owner_is_told_by_mail_without_the_password(forgotten, api, mails):
    reset(api, forgotten)
    send_mails()

    assert mails.mails[-1]["Subject"] == "Your Nightjar password was changed"
    assert NEW not in mails.mails[-1].as_string()


def test_mails_about_one_address_are_limited_silently(person, mails):
    answers = [
        Api(address=f"203.0.113.{i}").post("forgot-password", {"email": EMAIL}) for i in range(5)
    ]
    send_mails()

    assert {answer.status_code for answer in answers} == {200}
    assert sum("token=" in m.as_string() or "reset?" in m.as_string() for m in mails.mails) == 3
