"""How long a login is waited for; real refusals are in the integration tests."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from broker import kafka_login
from broker.kafka_login import LoginOutcome, await_login


class Clock:
    """Time that passes only inside calls."""

    def __init__(self, monkeypatch):
        self.now_s = 0.0
        monkeypatch.setattr(kafka_login.time, "monotonic", lambda: self.now_s)


class Far:
    """A broker that needs some time for each answer, as a client sees it."""

    def __init__(self, clock, needs_s, refused=None):
        self.clock, self.needs_s, self.refused = clock, needs_s, refused

    def list_topics(self, timeout):
        self.clock.now_s += min(timeout, self.needs_s)
        if timeout < self.needs_s:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def poll(self, _timeout):
        if self.refused is not None:
            self.refused.set()


@pytest.mark.parametrize("needs_s", [0.01, 0.25, 1.5])
def test_a_broker_that_takes_its_time_is_waited_for(monkeypatch, needs_s):
    clock = Clock(monkeypatch)

    assert await_login(Far(clock, needs_s), threading.Event(), 10) is LoginOutcome.ACCEPTED


def test_a_refusal_ends_the_wait(monkeypatch):
    clock, refused = Clock(monkeypatch), threading.Event()

    assert await_login(Far(clock, 60, refused), refused, 10) is LoginOutcome.REFUSED
    assert clock.now_s < 1


def test_a_broker_that_never_answers_is_given_up_in_time(monkeypatch):
    clock = Clock(monkeypatch)

    assert await_login(Far(clock, 60), threading.Event(), 10) is LoginOutcome.UNREACHABLE
    assert clock.now_s == pytest.approx(10, abs=0.2)
