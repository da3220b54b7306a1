"""Passwords: their rule, their hash, and that nobody costs as much as somebody."""

import threading

import pytest

from accounts import passwords

GOOD = "Correct-horse-7"
BROKEN = {
    "short": ("Aa1-Aa1-Aa1", "must have 12 to 128 characters"),
    "long": ("Aa1-" * 33, "must have 12 to 128 characters"),
    "no upper": ("correct-horse-7", "must contain an upper-case letter"),
    "no lower": ("CORRECT-HORSE-7", "must contain a lower-case letter"),
    "no digit": ("Correct-horse-x", "must contain a digit"),
    "no special": ("Correcthorse77", "must contain a special character"),
    "tab": ("Correct-horse-7\t", "must consist of printable ASCII characters"),
    "umlaut": ("Correct-hörse-7", "must consist of printable ASCII characters"),
}


@pytest.mark.parametrize(("password", "rule"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_named(password, rule):
    assert passwords.broken_rules(password) == [rule]


@pytest.mark.parametrize("password", [GOOD, "Aa1-" * 32, "Aa1 Aa1 Aa1 "])
def test_a_good_password_breaks_none(password):
    assert passwords.broken_rules(password) == []


def test_a_hash_names_its_cost_and_tells_right_from_wrong():
    known = passwords.hashed(GOOD)

    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.matches(GOOD, known)
    assert not passwords.matches(GOOD + "x", known)


@pytest.mark.parametrize("known", [None, "!", "no hash at all"], ids=["nobody", "unusable", "bad"])
def test_where_there_is_no_password_none_is_right(known):
    assert not passwords.matches("", known)
    assert not passwords.matches(GOOD, known)


def test_a_password_too_long_to_be_one_is_not_hashed(monkeypatch):
    seen = []
    real = passwords._hasher.verify
    known = passwords._nobody()
    monkeypatch.setattr("accounts.passwords._hasher", _Spy(real, seen))

    assert not passwords.matches("x" * 100_000, known)
    assert max(map(len, seen)) <= passwords.LONGEST


class _Spy:
    """A hasher that notes what it is asked."""

    def __init__(self, verify, seen):
        self._verify, self._seen = verify, seen
        self.running, self.most = 0, 0
        self._lock = threading.Lock()

    def verify(self, known, text):
        self._seen.append(text)
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self._verify(known, text)
        finally:
            with self._lock:
                self.running -= 1


def test_nobody_costs_one_hash_as_somebody_does(monkeypatch):
    known = passwords.hashed(GOOD)
    spy = _Spy(passwords._hasher.verify, [])
    passwords._nobody()
    monkeypatch.setattr("accounts.passwords._hasher", spy)

    passwords.matches("wrong", known)
    passwords.matches("wrong", None)

    assert spy._seen == ["wrong", "wrong"]


def test_of_many_at_once_two_are_hashed_at_a_time(monkeypatch):
    known = passwords.hashed(GOOD)
    spy = _Spy(passwords._hasher.verify, [])
    monkeypatch.setattr("accounts.passwords._hasher", spy)
    threads = [threading.Thread(target=passwords.matches, args=("w", known)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(spy._seen) == 8
    assert spy.most <= 2
