"""Whatever breaks between us and Slack, each message is posted, and once."""

import itertools
import subprocess
import sys

import pytest
from sqlalchemy import select, update

from broker.config import ROOT
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from pipeline.clients.slack import Slack
from pipeline.gw import deliver, steps
from pipeline.gw.blocks import Message
from pipeline.gw.steps import StepRestError
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.simulate.slack.faults import Fault
from tests.database import environment
from tests.slack import GW, settings, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FAULTS = {
    "too many calls": [Fault("busy", seconds=0)] * 3,
    "server error": [Fault("broken")],
    "internal error": [Fault("refuse", error="internal_error")],
    "cut before": [Fault("cut")],
    "answer lost": [Fault("drop")],
    "answer lost twice": [Fault("drop"), Fault("drop")],
    "blocks refused": [Fault("refuse", error="invalid_blocks")],
}


KILLED_AT = ("slack_posted", "step_before_done")


class Died(BaseException):
    """A process ends where it stands."""


@pytest.fixture
def slowly(monkeypatch):
    """Return a function that makes Slack post the n-th message when told to, our call long over."""

    def hold(nth):
        held, post = [], Slack.post
        asked = itertools.count(1)

        def post_late(client, *said):
            if next(asked) != nth:
                return post(client, *said)
            held.append((client, *said))
            raise TransientError("timed out")

        monkeypatch.setattr(Slack, "post", post_late)
        return lambda: post(*held.pop())

    return hold


def tell(work, later):
    """Let workers come back until nothing is left to do."""
    for _ in range(4):
        work()
        later()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_message_is_there_once(take, work, later, session, standin, fault):
    for each in FAULTS[fault]:
        standin.faults.add("chat.postMessage", each)
    take()

    tell(work, later)

    announced, card = texts(standin, GW)
    assert announced.startswith("🔔")
    assert card.startswith("🟡 Alert N°1")
    assert set(session.scalars(select(Delivery.state))) == {"sent"}


@pytest.mark.parametrize("nth", [1, 2], ids=["announcement", "card"])
def test_a_message_that_slack_posts_late_is_waited_for(
    take, work, later, session, standin, slowly, nth
):
    """However often we look before it is there: within the doubt nothing is posted again."""
    release = slowly(nth)
    take()
    for _ in range(3):
        work()
        later(doubts=False)
    assert len(texts(standin, GW)) == nth - 1

    release()
    for _ in range(3):
        work()
        later(doubts=False)

    assert standin.calls.count("chat.postMessage") == 2
    assert len(texts(standin, GW)) == 2
    assert set(session.scalars(select(Delivery.state))) == {"sent"}


@pytest.mark.parametrize("nth", [1, 2], ids=["announcement", "card"])
def test_a_message_that_slack_posts_later_than_anybody_waits_is_removed(
    take, work, later, standin, slowly, nth
):
    release = slowly(nth)
    take()
    work()
    later()
    work()
    assert len(texts(standin, GW)) == 2
    release()
    assert len(texts(standin, GW)) == 3
    wanted = standin.workspace.messages.copy()

    tell(work, later)

    left = standin.workspace.messages
    assert len(left) == 2
    assert set(wanted) - set(left) == {max(wanted)}


def test_a_search_that_fails_leaves_the_doubt(take, work, later, standin):
    standin.faults.add("chat.postMessage", Fault("drop"))
    take()
    work()
    standin.faults.add("conversations.history", Fault("busy", seconds=0), 3)
    later(doubts=False)

    tell(work, later)

    assert len(texts(standin, GW)) == 2


def test_a_slack_that_nobody_reaches_leaves_no_doubt(take, work, session, set_up):
    set_up(NIGHTJAR_SLACK__BASE_URL="http://127.0.0.1:1/api/")
    take()

    work()

    assert session.scalars(select(Delivery.state)).one() == "pending"


def test_of_two_workers_with_one_message_one_sends_it(session, set_up, standin, monkeypatch):
    address = deliver.Address(GW, "M3", "1")
    before = deliver._look_up(address)
    deliver.post(address, Message("told", ()))
    monkeypatch.setattr(deliver, "_look_up", lambda _: before)

    with pytest.raises(StepRestError):
        deliver.post(address, Message("told", ()))

    assert texts(standin, GW) == ["told"]


@pytest.mark.parametrize("nth", [1, 2], ids=["announcement", "card"])
def test_a_worker_that_dies_after_the_post_does_not_post_again(
    take, work, later, standin, monkeypatch, nth
):
    passes = []

    def die(name):
        if name == "slack_posted":
            passes.append(name)
            if len(passes) == nth:
                raise Died

    monkeypatch.setattr(deliver, "failpoint", die)
    take()
    with pytest.raises(Died):
        work()
    later()

    tell(work, later)

    assert len(texts(standin, GW)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_process_leaves_one_message(database, standin, place):
    with transaction() as session:
        row = GwAlert(
            trigger_id="S1a",
            reception_count=1,
            payload_json={},
            alert_type="INITIAL",
            time_created="2026-01-02T03:04:05Z",
            payload_sha256="0",
            kind="real",
            significant=True,
        )
        session.add(row)
        session.flush()
        step = GwStep(id_gw=row.id_gw, step="thread")
        session.add(step)
    run = f"from pipeline.gw import steps; steps.run({step.id}, 'worker')"
    known = environment(database) | settings(standin)

    def process(**more):
        done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, env=known | more, check=False)
        return done.returncode

    assert process(NIGHTJAR_TESTING__FAILPOINT=place) == -9
    with transaction() as session:
        session.execute(update(GwStep).values(lease_until=GwStep.created_at))
    assert process() == 0

    assert len(texts(standin, GW)) == 1
    with transaction() as session:
        told = select(GwStep.state).where(GwStep.step == "thread")
        assert session.scalars(told).one() == "done"
        assert session.scalars(select(GwAlert.thread_ts)).one() is not None


def test_messages_to_one_channel_take_turns(session, set_up):
    set_up(NIGHTJAR_SLACK__MESSAGE_INTERVAL_S="60")
    waits = [
        deliver._take_turn(deliver._look_up(deliver.Address(channel, "M1", key)), channel)
        for channel, key in ((GW, "a"), (GW, "b"), (GW, "c"), ("C0OTHER", "a"))
    ]

    assert waits[0] == waits[3] == 0
    assert 50 < waits[1] <= 60
    assert 110 < waits[2] <= 120


def test_a_delivery_that_was_sent_is_not_sent_again(session, set_up, standin):
    address = deliver.Address(GW, "M1", "a")

    first = deliver.post(address, Message("told", ()))

    assert deliver.post(address, Message("told", ())) == first
    assert texts(standin, GW) == ["told"]


def test_a_failpoint_stands_between_post_and_mark():
    assert deliver.failpoint is failpoint
    assert steps.failpoint is failpoint
