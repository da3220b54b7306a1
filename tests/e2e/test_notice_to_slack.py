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
TOLD_WITHIN_S = 120.0


@pytest.fixture
def slack(system, tmp_path):
    """A stand-in for Slack, and the processes that bring notices there."""
    with serving(tmp_path / "slack") as standin, own_topics(system):
        system.environment = {**system.environment, **settings(standin)}
        system.start("listen-igwn", "manage.py", "listen", "igwn", "--slot", "0")
        for queue in ("notify", "gw"):  # the second draws the picture
            start_worker(system, queue, concurrency=1)
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


def pictures(standin, channel):
    """Return the titles of the pictures of a channel."""
    entries = [each for each in standin.workspace.messages.values() if each["channel"] == channel]
    return [file["title"] for each in entries for file in each.get("files") or ()]


def wait_for_picture(standin, channel, system):
    """Wait for the last that a notice shows; return what the channel was told."""
    give_up_at = time.monotonic() + TOLD_WITHIN_S
    while not pictures(standin, channel):
        assert time.monotonic() < give_up_at, system.tails()
        time.sleep(0.1)
    return texts(standin, channel)


def test_a_real_notice_and_a_mock_are_told_where_they_belong(system, slack):
    send()
    announced, card = wait_for_picture(slack, GW, system)[:2]

    assert announced == "🔔 New GW alert received: S260102ab"
    assert card.startswith("🟡 Alert N°1 - PRELIMINARY of S260102ab: BNS 90 %")
    assert pictures(slack, GW) == ["Sky map of S260102ab, N°1"]

    send(superevent_id="MS260102ab")
    mocked = wait_for_picture(slack, MOCK, system)

    assert all(text.startswith("[MOCK] ") for text in mocked if text)
    assert not [text for text in texts(slack, GW) if "MS260102ab" in text]
