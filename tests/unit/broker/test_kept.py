"""A slow look, kept for a while."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker import kept
from broker.kept import Kept


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now_s = 100.0

        def monotonic(self):
            return self.now_s

    found = Clock()
    monkeypatch.setattr(kept, "time", found)
    return found


def counting(clock, took_s=0.0):
    looks = []

    def look():
        clock.now_s += took_s
        looks.append(len(looks) + 1)
        return looks[-1]

    return look


def test_a_young_look_is_good_enough(clock):
    what = Kept("x", counting(clock), keep_s=5, patience_s=10)

    assert [what.get().value, what.get().value] == [1, 1]
    clock.now_s += 4.9
    assert what.get().value == 1
    clock.now_s += 0.2
    assert what.get().value == 2


def test_a_look_that_takes_long_is_kept_longer(clock):
    what = Kept("x", counting(clock, took_s=3), keep_s=5, patience_s=10)
    what.get()

    clock.now_s += 29
    assert what.get().value == 1
    clock.now_s += 2
    assert what.get().value == 2


def test_a_failed_look_leaves_the_last_one(clock):
    answers = iter(["good", None, "better"])

    def look():
        if (answer := next(answers)) is None:
            raise ConnectionError
        return answer

    what = Kept("x", look, keep_s=5, patience_s=10)

    assert what.get().value == "good"
    clock.now_s += 6
    assert what.get().value == "good"
    assert what.get().value == "good"  # it is not tried again at once
    clock.now_s += 6
    assert what.get().value == "better"


def test_nothing_is_known_after_a_failed_first_look():
    assert Kept("x", lambda: 1 / 0, keep_s=5, patience_s=10).get() is None


def test_nobody_waits_for_a_look_that_hangs(clock, monkeypatch):
    monkeypatch.setattr(kept, "LATER_S", 0.01)
    go_on, looks = threading.Event(), []

    def look():
        looks.append(1)
        if len(looks) == 2:
            go_on.wait(30)
        return len(looks)

    what = Kept("x", look, keep_s=5, patience_s=10)
    what.get()
    clock.now_s += 6

    assert [what.get().value for _ in range(3)] == [1, 1, 1]
    assert len(looks) == 2
    go_on.set()


def test_to_forget_is_to_look_anew(clock):
    what = Kept("x", counting(clock), keep_s=5, patience_s=10)
    what.get()
    what.forget()

    assert what.get().value == 2


def test_a_look_that_took_long_and_failed_is_rested_from_as_long(clock):
    count = counting(clock, took_s=3)
    what = Kept("x", lambda: 1 / (count() - 1), keep_s=5, patience_s=10)

    assert what.get() is None
    clock.now_s += 29
    assert what.get() is None
    clock.now_s += 2
    assert what.get().value == 1


def test_nobody_waits_any_more_for_a_look_that_others_have_waited_for(clock):
    began, go_on = threading.Event(), threading.Event()

    def look():
        began.set()
        go_on.wait(3600)
        return 1

    what = Kept("x", look, keep_s=5, patience_s=3600)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(what.get)
        began.wait()
        clock.now_s += 3601

        assert what.get() is None  # at once, or this test would last for an hour
        go_on.set()
        assert first.result().value == 1
