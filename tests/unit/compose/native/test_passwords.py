"""Secrets of the parts."""

import stat

import pytest

from compose.native import passwords
from compose.native.home import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_secret_that_would_end_a_quoted_value_is_drawn_again(monkeypatch):
    drawn = iter(['a"b', "a'b", "a\\b", "a;b", "-ab", "good"])
    monkeypatch.setattr(passwords.secrets, "token_urlsafe", lambda _size: next(drawn))

    assert passwords.draw() == "good"


def test_secrets_are_drawn_once(home):
    assert passwords.passwords(home) == passwords.passwords(home)


def test_a_new_secret_leaves_the_old_ones_alone(home):
    once = passwords.passwords(home)
    path = home.path / "secrets.env"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))

    again = passwords.passwords(home)

    assert {name for name in once if once[name] != again[name]} == {passwords.NAMES[0]}


def test_secrets_are_closed_to_others(home):
    passwords.passwords(home)

    assert stat.S_IMODE((home.path / "secrets.env").stat().st_mode) == 0o600


def test_every_secret_differs(home):
    assert len(set(passwords.passwords(home).values())) == len(passwords.NAMES)


def test_the_web_key_is_as_long_as_django_wants(home):
    assert len(passwords.passwords(home)["WEB_SECRET_KEY"]) >= 50
