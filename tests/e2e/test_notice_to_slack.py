"""A notice on Kafka becomes a thread, a card and a sky map in Slack, through our own processes."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from tests.e2e.follow_up import own_topics
from tests.e2e.site import start_worker
from tests.gw_notices import as_bytes, make_notice
from tests.slack import GW, MOCK, serving, settings, texts

pytestmark = [pytest.mark.e2e_light]
TOLD_WITHIN_S = 240.0


@pytest.fixture
def slack(system, tmp_path):
    """A stand-in for Slack, and the processes that bring notices there."""
    with serving(tmp_path / "slack") as standin, own_topics(system):
        system.environment = {**system.environment, **settings(standin)}
        system.start("listen-igwn", "manage.py", "listen", "igwn", "--slot", "0")
        start_worker(system, "notify", concurrency=1)
        yield standin
        system.stop_all()


def send(**given):
    """Put a notice that was made just now on GCN's topic."""
    now = datetime.now(UTC)
    event = {"time": (now - timedelta(minutes=2)).isoformat()}
    raw = as_bytes(make_notice(event, time_created=now.isoformat(), **given))
    producer = Producer(own_connection())
    topic = f"{config().gcn.topic_prefix}igwn.gwalert"
    assert producer.send([Message(topic, None, raw, [])]) == [None]
    producer.close()


def wait_for(standin, channel, count, system):
    give_up_at = time.monotonic() + TOLD_WITHIN_S
    while len(standin.workspace.messages) < count:
        assert time.monotonic() < give_up_at, system.tails()
        time.sleep(0.1)
    return texts(standin, channel)


def test_a_real_notice_and_a_mock_are_told_where_they_belong(system, slack):
    send()
    announced, card = wait_for(slack, GW, 3, system)[:2]

    assert announced == "🔔 New GW alert received: S260102ab"
    assert card.startswith("🟡 Alert N°1 - PRELIMINARY of S260102ab: BNS 90 %")
    shown = [each for each in slack.workspace.messages.values() if each.get("files")]
    assert [each["files"][0]["title"] for each in shown] == ["Sky map of S260102ab, N°1"]

    send(superevent_id="MS260102ab")
    mocked = wait_for(slack, MOCK, 6, system)

    assert all(text.startswith("[MOCK] ") for text in mocked if text)
    assert len([text for text in texts(slack, GW) if text]) == 2
