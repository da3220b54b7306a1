"""Mails on a real SMTP server: they leave once, wait for a server that is away, and are wiped."""

import stat
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.db.models.functions import Now

from accounts import mail
from accounts.models import OutboxMail
from tests.integration.accounts.conftest import EMAIL
from tests.standins import mail_server as smtp

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
SECRET = "3f2c8b1e-0000-4000-8000-c0ffee000001"


@pytest.fixture
def letter(db):
    context = {"code": SECRET, "link": f"http://localhost/activate?activation_code={SECRET}"}
    return mail.post(EMAIL, "activation", context)


def again(row):
    """Let a mail be due now, as its pause would have ended."""
    OutboxMail.objects.filter(pk=row.pk).update(next_try_at=Now())
    mail.send(row.pk)
    row.refresh_from_db()


def test_a_mail_leaves_as_text_and_html_and_is_wiped(letter, mails):
    mail.send(letter.pk)

    [message] = mails.mails
    letter.refresh_from_db()
    assert message["To"] == EMAIL
    assert message["Subject"] == "Activate your Nightjar account"
    assert message["Auto-Submitted"] == "auto-generated"
    assert SECRET in message.get_body(("plain",)).get_content()
    assert SECRET in message.get_body(("html",)).get_content()
    assert (letter.state, letter.body_encrypted, letter.tries) == ("sent", None, 1)
    assert letter.sent_at is not None


def test_what_waits_shows_no_secret(letter):
    assert SECRET.encode() not in bytes(letter.body_encrypted)


def test_a_mail_that_was_sent_is_not_sent_again(letter, mails):
    mail.send(letter.pk)
    mail.send(letter.pk)
    again(letter)

    assert len(mails.mails) == 1


def test_a_mail_that_a_slow_server_is_taking_is_sent_by_nobody_else(letter, mails, monkeypatch):
    deliver, heard_meanwhile = mail._deliver, []

    def slowly(message):
        monkeypatch.setattr(mail, "_deliver", deliver)
        heard_meanwhile.append(mail.sweep())
        mail.send(letter.pk)
        deliver(message)

    monkeypatch.setattr(mail, "_deliver", slowly)
    mail.send(letter.pk)

    assert heard_meanwhile == [0]
    assert len(mails.mails) == 1


def test_a_mail_waits_for_a_server_that_is_away(letter, configured):
    with smtp.running() as gone:
        port = gone.port
    configured(mail__host="127.0.0.1", mail__port=port, mail__security="none")

    mail.send(letter.pk)
    letter.refresh_from_db()

    assert letter.state == "waiting"
    assert "refused" in letter.last_error
    assert letter.next_try_at > letter.created_at


def test_a_busy_server_gets_it_later(letter, mails):
    mails.answers = ["451 busy"]

    mail.send(letter.pk)
    letter.refresh_from_db()
    assert (letter.state, len(mails.mails)) == ("waiting", 0)
    mail.send(letter.pk)
    assert mails.mails == []  # its pause has not ended
    again(letter)

    assert (letter.state, letter.tries, len(mails.mails)) == ("sent", 2, 1)
    assert ["451" in each["outcome"] for each in letter.attempts] == [True, False]
    assert letter.attempts[-1]["outcome"] == "sent"


@pytest.mark.parametrize("way", ["message", "recipient"])
def test_what_the_server_will_never_take_ends_and_is_wiped(way, letter, mails):
    if way == "message":
        mails.answers = ["554 no thanks"]
    else:
        mails.refused = {EMAIL}

    mail.send(letter.pk)
    letter.refresh_from_db()

    assert (letter.state, letter.body_encrypted) == ("failed", None)
    assert "55" in letter.last_error


def test_our_own_wrong_login_drops_no_mail(letter, configured):
    with smtp.running(login=("nightjar", "right")) as server:
        configured(
            mail__host="127.0.0.1",
            mail__port=server.port,
            mail__security="none",
            mail__username="nightjar",
            mail__password="wrong-password",
        )
        mail.send(letter.pk)
        letter.refresh_from_db()
        assert letter.state == "waiting"
        assert "wrong-password" not in letter.last_error
        configured(mail__password="right")
        again(letter)

        assert (letter.state, len(server.mails)) == ("sent", 1)


def test_a_server_that_wants_tls_is_not_spoken_to_in_clear(letter, mails, configured):
    configured(mail__security="starttls")

    mail.send(letter.pk)
    letter.refresh_from_db()

    assert (letter.state, mails.mails) == ("waiting", [])
    assert "STARTTLS" in letter.last_error


def test_a_mail_that_is_too_old_is_dropped_and_wiped(letter, mails):
    OutboxMail.objects.update(expires_at=Now() - timedelta(seconds=1))

    mail.send(letter.pk)
    mail.sweep()
    letter.refresh_from_db()

    assert (letter.state, letter.body_encrypted, mails.mails) == ("expired", None, [])


def test_a_code_that_dies_early_takes_its_mail_with_it(db):
    row = mail.post(EMAIL, "reset", {"code": "x", "link": "y"}, good_for_s=3600)
    row.refresh_from_db()

    assert row.expires_at - row.created_at == timedelta(seconds=3600)


def test_the_sweep_rings_for_what_is_due(letter, mails, monkeypatch):
    rung = []
    monkeypatch.setattr(mail, "ring", rung.append)
    OutboxMail.objects.create(
        to=EMAIL, subject="x", expires_at=Now() + timedelta(1), next_try_at=Now() + timedelta(1)
    )

    assert mail.sweep() == 1
    assert rung == [letter.pk]


def test_a_mail_sealed_with_a_key_that_is_gone_ends(letter, mails, configured):
    configured(web__secret_key="another " * 8)

    mail.send(letter.pk)
    letter.refresh_from_db()

    assert (letter.state, mails.mails) == ("failed", [])


def test_without_a_server_mails_lie_in_a_folder_that_only_we_read(letter, configured, tmp_path):
    folder = tmp_path / "spool"
    configured(mail__host="", mail__spool_dir=folder)

    mail.send(letter.pk)
    letter.refresh_from_db()

    [file] = folder.iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert letter.state == "sent"
    assert (message["To"], file.suffix) == (EMAIL, ".eml")
    assert SECRET in message.get_body(("plain",)).get_content()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
