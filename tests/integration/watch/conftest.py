"""Slack's stand-in, folders of selected alerts and a mail address, for those who are told."""

import pytest

from broker.config import config
from broker.errors import TransientError
from tests.integration.accounts.conftest import configured
from tests.integration.selected.conftest import root
from tests.integration.slack.conftest import later, set_up, standin

__all__ = ["configured", "later", "root", "set_up", "standin"]

TO = "dora@example.org"


@pytest.fixture
def watched(db, session, root, set_up, monkeypatch):
    """Somebody reads mails and the operators' channel; outside Kafka nobody is asked."""
    monkeypatch.setenv("NIGHTJAR_WATCH__MAIL_TO", TO)
    config.cache_clear()
    monkeypatch.setattr("pipeline.watch.alarms.kafka_groups.groups", lambda *_, **__: [])
    said_of(monkeypatch, TransientError("nobody is asked"))


def said_of(monkeypatch, waits):
    """Let every broker of others say this of what waits there."""
    monkeypatch.setattr(
        "pipeline.watch.alarms.kafka_unread.unread",
        lambda places, **_: dict.fromkeys(places, waits),
    )
