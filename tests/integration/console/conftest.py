"""A browser that an operator is signed in with, and telescopes without Kafka."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from sqlalchemy.orm import Session

from broker import limits
from pipeline.telescope.tables import TelescopeCommand, TelescopeLatestStatus
from pipeline.web import uptimes
from tests.integration.telescope.conftest import asked, beam, bells

__all__ = ["beam", "bells"]


@pytest.fixture(autouse=True)
def _no_limits(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    uptimes._kept.cache_clear()


def signed_in(role: str | None) -> Client:
    """Return a browser of a member of staff with a role, or with none."""
    user = get_user_model().objects.create_user(f"staff-{role}", is_staff=True)
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    """A browser of an operator."""
    return signed_in("operator")


@pytest.fixture
def heard(session: Session, beam: Any) -> Callable[..., None]:
    """Return a function that stores a status of an application of BEAM."""

    def hear(application: str, *, age_s: float = 1, telescope: str = "beam", **more: Any) -> None:
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        values = {
            "component": "mount",
            "status_id": f"{application}-{age_s}",
            "timestamp": round(at.timestamp() * 1000),
            "level": "info",
            "message": "tracking",
            "is_operational": True,
            "received_at": at,
        }
        session.add(
            TelescopeLatestStatus(telescope=telescope, application=application, **values | more)
        )
        session.commit()

    return hear


@pytest.fixture
def well(heard: Callable[..., None]) -> None:
    """Both applications of BEAM are heard."""
    heard("robotics")
    heard("handler", component="")


@pytest.fixture
def command(session: Session, beam: Any, bells: Any) -> Callable[..., TelescopeCommand]:
    """Return a function that asks BEAM for an observation, and brings the row into a state."""

    def make(**values: Any) -> TelescopeCommand:
        row = session.get(TelescopeCommand, asked("beam"))
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        session.commit()
        return row

    return make
