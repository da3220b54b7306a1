"""Browsers of two accounts, and a night of simulated alerts."""

import pytest
from django.test import Client

from accounts import filters, sessions, tokens
from accounts.models import BabamulUser
from accounts.web.sessions import COOKIE
from broker import limits
from pipeline.simulate.scenario import make_ztf_packet
from pipeline.user_filters import tasks, trial
from tests.integration.api.conftest import archive, store

__all__ = ["archive", "store"]
JD = 2461254.75
"""2026-08-02 06:00 UTC: the night of 1 August at Palomar."""
NIGHT = "2026-08-01"


@pytest.fixture(autouse=True)
def rung(session, monkeypatch):
    """What is rung for, instead of ringing; nobody asks too often."""
    found = []
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    monkeypatch.setattr(filters, "ring", lambda: found.append("topics"))
    monkeypatch.setattr(tasks, "enqueue", lambda *ring: found.append(ring))
    return found


def account(name):
    return BabamulUser.objects.create(email=f"{name}@example.org", username=name, state="active")


@pytest.fixture
def vera(session):
    return account("vera")


@pytest.fixture
def eve(session):
    return account("eve")


def signed_in(user):
    client = Client(headers={"host": "localhost"})
    client.cookies[COOKIE] = sessions.open_session(user, "test")
    return client


@pytest.fixture
def browser(vera):
    return signed_in(vera)


@pytest.fixture
def stranger(eve):
    return signed_in(eve)


@pytest.fixture
def nobody():
    return Client(headers={"host": "localhost"})


def program(user):
    _, token = tokens.new_personal(user, "tests")
    return Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})


@pytest.fixture
def night(store):
    """Three alerts of a night, of 17.5, 18.5 and 19.5 mag."""
    store(
        "ztf",
        *(
            make_ztf_packet(candid=at, object_id=f"ZTF26aaaaaa{chr(96 + at)}", jd=JD + at / 100,
                            magpsf=16.5 + at)
            for at in (1, 2, 3)
        ),
    )  # fmt: skip


@pytest.fixture
def work(rung):
    """Return a function that works on what was rung for."""

    def do():
        while rung:
            ring = rung.pop(0)
            if ring != "topics":
                trial.run(ring[2])

    return do
