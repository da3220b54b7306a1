"""Letters whose packets are archived, replays that only listen, and somebody who may act."""

import hashlib

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from sqlalchemy import text

from broker.config import config
from broker.ranges import second_tries
from broker.ranges.replays import ReplayError
from tests.factories import make_dead_letter, make_segment
from tests.integration.dead_letter_pages.letters import PACKET


@pytest.fixture
def archived(session, source, tmp_path, monkeypatch):
    """Return a function that makes a letter whose packet is in the archive."""
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
    config.cache_clear()
    segment = make_segment(session)
    file = tmp_path / segment.path
    file.parent.mkdir(parents=True)

    def make(packet=PACKET, **given):
        start = file.stat().st_size if file.exists() else 0
        with file.open("ab") as opened:
            opened.write(packet)
        place = {
            "archive_segment_id": segment.id,
            "archive_start": start,
            "archive_length": len(packet),
            "sha256": hashlib.sha256(packet).digest(),
        }
        return make_dead_letter(session, source, **place | given)

    make.file = file
    yield make
    config.cache_clear()


@pytest.fixture
def retries(monkeypatch):
    """Stand in for replays, which the tests of replays cover; tell what was asked for."""
    asked = []

    def take(session, ids, by, _brokers):
        refused = {key: "gone" for key in ids if key in take.gone}
        if refused:
            raise ReplayError("gone", refused)
        asked.append((ids, by))
        session.execute(
            text("UPDATE dead_letters SET state = 'retried' WHERE id = ANY(:ids)"), {"ids": ids}
        )
        return len(ids)

    take.gone = set()
    take.asked = asked
    monkeypatch.setattr(second_tries, "retry_letters", take)
    monkeypatch.setattr(second_tries, "ask_brokers", lambda _ids: {})
    return take


@pytest.fixture
def operator(session):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="ada", is_staff=True)
    for code in ("view_deadletter", "operate_deadletter"):
        user.user_permissions.add(Permission.objects.get(codename=code))
    browser.force_login(user)
    return browser
