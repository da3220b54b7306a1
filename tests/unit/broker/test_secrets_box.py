"""What is sealed opens again, with the keys that are listed and no other."""

import pytest
from cryptography.fernet import Fernet

from broker.config import ConfigError, build
from broker.secrets_box import SealError, derived_key, open_sealed, seal

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
def given(monkeypatch):
    def give(**web):
        monkeypatch.setattr("broker.secrets_box.config", lambda: build(toml={"web": web}))

    return give


def test_what_is_sealed_opens_again_and_shows_nothing(given):
    given(secret_key="s" * 50)

    sealed = seal(b"correct horse")

    assert b"horse" not in sealed
    assert open_sealed(sealed) == b"correct horse"
    assert open_sealed(memoryview(sealed)) == b"correct horse"


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed(given):
    given(fernet_keys=[OLD])
    sealed = seal(b"before")
    given(fernet_keys=[NEW, OLD])

    assert open_sealed(sealed) == b"before"
    assert Fernet(NEW).decrypt(seal(b"after")) == b"after"


def test_what_a_foreign_key_sealed_does_not_open(given):
    given(fernet_keys=[NEW])

    with pytest.raises(SealError, match=r"web\.fernet_keys"):
        open_sealed(Fernet(FOREIGN).encrypt(b"x"))


def test_without_any_key_nothing_is_sealed_with_a_random_one(given):
    given(secret_key="")

    with pytest.raises(ConfigError, match=r"web\.secret_key is empty"):
        seal(b"x")


def test_a_key_that_is_none_is_told_without_being_shown(given):
    given(fernet_keys=["not a key"])

    with pytest.raises(ConfigError, match=r"web\.fernet_keys: each is 32 bytes") as told:
        seal(b"x")
    assert "not a key" not in str(told.value)


def test_keys_of_two_purposes_differ(given):
    given(secret_key="s" * 50)

    assert derived_key("a") != derived_key("b")
    assert len(derived_key("a")) == 32
