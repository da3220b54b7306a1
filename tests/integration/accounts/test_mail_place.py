"""Where a mail is found that no server sends: on the page as in README."""

import pytest
from django.test import Client

from broker.config import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def signed_up(configured):
    """Return a function that signs somebody up and returns the page; mails lie in a folder."""

    def sign_up(**settings):
        configured(**settings)
        browser = Client(headers={"host": "localhost"}, REMOTE_ADDR="203.0.113.51")
        return browser.post("/signup", {"email": "vera@example.org"}).content.decode()

    return sign_up


@pytest.mark.parametrize("folder", ["", f"{ROOT}/"], ids=["relative", "as the demo has it"])
def test_the_folder_of_the_project_is_named(signed_up, folder):
    page = signed_up(mail__host="", mail__spool_dir=f"{folder}.nightjar/mail")

    assert "<code>.nightjar/mail</code>" in page
    assert "/admin/accounts/outboxmail/" in page


def test_a_folder_of_the_machine_stays_unnamed(signed_up, tmp_path):
    page = signed_up(mail__host="", mail__spool_dir=tmp_path)

    assert str(tmp_path) not in page
    assert "/admin/accounts/outboxmail/" in page


def test_where_a_server_sends_them_nobody_is_told_of_a_folder(signed_up):
    page = signed_up(mail__host="127.0.0.1", mail__spool_dir=".nightjar/mail")

    assert ".nightjar" not in page
    assert "/admin/" not in page


def test_how_long_the_link_holds_is_what_is_set(signed_up):
    page = signed_up(mail__host="127.0.0.1", accounts__activation_ttl_s=7200)

    assert "holds for 2 hours" in page
