"""Accounts that own filters; nobody rings for Kafka."""

import uuid

import pytest

from accounts import filters
from accounts.models import BabamulUser


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """Return what was rung for."""
    rung = []
    monkeypatch.setattr(filters, "ring", lambda: rung.append(1))
    return rung


def new_account(name="vera", state="active"):
    own = uuid.uuid4().hex[:8]
    return BabamulUser.objects.create(email=f"{own}@example.org", username=name, state=state)


@pytest.fixture
def vera(db):
    return new_account()


@pytest.fixture
def eve(db):
    return new_account("eve")


@pytest.fixture
def make(vera):
    """Return a function that makes a filter of vera's."""

    def made(name="bright", account=None, **given):
        values = {"survey": "ztf", "expression": "magpsf < 19", "description": "what is bright"}
        is_public = given.pop("is_public", False)
        return filters.create(account or vera, name, **values | given, is_public=is_public)

    return made
