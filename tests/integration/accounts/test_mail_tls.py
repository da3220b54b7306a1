"""Mails over TLS: the server proves who it is before it hears a password or a mail."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import mail
from accounts.models import OutboxMail
from tests.integration.accounts.conftest import EMAIL
from tests.standins import certificates
from tests.standins import mail_server as smtp

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LOGIN = ("nightjar", "right-password")
WAYS = {"starttls": {}, "tls": {"from_the_start": True}}


@pytest.fixture
def letter(db):
    return mail.post(EMAIL, "activation", {"code": "c", "link": "http://localhost/activate"})


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def served(way, configured):
    """Return a function that runs a server with a certificate, to which mails then go."""

    def serve(certificate, **trusted):
        configured(
            mail__host="127.0.0.1",
            mail__security=way,
            mail__username=LOGIN[0],
            mail__password=LOGIN[1],
            **trusted,
        )
        return smtp.running(login=LOGIN, tls=certificate.context, **WAYS[way])

    return serve


def sent(letter, server, configured):
    """Send a mail that is due, as the worker would; return its row."""
    configured(mail__port=server.port)
    OutboxMail.objects.update(next_try_at=Now())
    mail.send(letter.pk)
    letter.refresh_from_db()
    return letter


def test_a_mail_leaves_over_tls_after_a_login(letter, served, configured, tmp_path):
    certificate = certificates.make(tmp_path, "127.0.0.1")
    with served(certificate, mail__ca_file=certificate.certificate) as server:
        assert sent(letter, server, configured).state == "sent"

        [message] = server.mails
        assert message["To"] == EMAIL


@pytest.mark.parametrize(
    ("name", "age", "is_known", "why"),
    [
        ("127.0.0.1", timedelta(0), False, "self-signed"),
        ("127.0.0.2", timedelta(0), True, "IP address mismatch"),
        ("127.0.0.1", timedelta(days=3), True, "expired"),
    ],
    ids=["of nobody known", "of another host", "expired"],
)
def test_a_wrong_certificate_is_refused_and_the_mail_waits(
    letter, served, configured, tmp_path, name, age, is_known, why
):
    wrong = certificates.make(tmp_path, name, age=age)
    trusted = {"mail__ca_file": wrong.certificate} if is_known else {}
    with served(wrong, **trusted) as server:
        row = sent(letter, server, configured)

        assert (row.state, row.tries, server.mails) == ("waiting", 1, [])
        assert row.last_error.startswith("the certificate of 127.0.0.1 is refused: ")
        assert why in row.last_error
        assert LOGIN[1] not in row.last_error

    right = certificates.make(tmp_path, "127.0.0.1")
    with served(right, mail__ca_file=right.certificate) as server:
        row = sent(letter, server, configured)

        assert (row.state, row.tries, len(server.mails)) == ("sent", 2, 1)


def test_a_wrong_login_over_tls_drops_no_mail(letter, served, configured, tmp_path):
    certificate = certificates.make(tmp_path, "127.0.0.1")
    with served(certificate, mail__ca_file=certificate.certificate) as server:
        configured(mail__password="wrong-password")
        row = sent(letter, server, configured)

        assert (row.state, server.mails) == ("waiting", [])
        assert "535" in row.last_error
        assert "wrong-password" not in row.last_error


def test_a_server_without_tls_hears_no_password(letter, way, configured):
    with smtp.running(login=LOGIN) as plain:
        configured(
            mail__host="127.0.0.1",
            mail__security=way,
            mail__username=LOGIN[0],
            mail__password=LOGIN[1],
            mail__timeout_s=2,
        )
        row = sent(letter, plain, configured)

        assert (row.state, plain.mails) == ("waiting", [])
        assert LOGIN[1] not in row.last_error
