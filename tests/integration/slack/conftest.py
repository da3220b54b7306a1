"""A stand-in for Slack for each test, named in the settings; notices that are stored and told."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from sqlalchemy import func, select, update

from accounts.models import StaffRecord
from broker.archive import Slice
from broker.config import config
from pipeline.clients.slack import connect
from pipeline.clients.slack import slack as process_slack
from pipeline.gw import act, intake, life, steps
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.arrival import Arrival
from pipeline.gw.step_registry import KINDS
from pipeline.gw.store import store
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.simulate.slack import triggers
from pipeline.web import slack_actions
from tests.gw_notices import as_bytes, make_notice
from tests.gw_rows import make_group, make_plan, make_tile
from tests.slack import GW, SHIFTER, client, serving, settings

EDITING = ("picture", "card_again", "headline", "mark_retracted", "no_doubles")
TELLING = (*(kind.name for kind in KINDS if kind.queue == "notify"), *EDITING)
QUICK = tuple(name for name in TELLING if name != "picture")
"""Drawing takes a second: most tests leave it."""
NOW = datetime(2026, 1, 2, 3, 10, tzinfo=UTC)
"""Five minutes after the notices of these tests were made."""


@pytest.fixture
def standin(tmp_path):
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def slack(standin):
    return client(standin)


@pytest.fixture
def set_up(standin, monkeypatch):
    """Point this process at the stand-in; return a function that changes further settings."""

    def give(**changed):
        for name, value in (settings(standin) | changed).items():
            monkeypatch.setenv(name, value)
        config.cache_clear()
        process_slack.cache_clear()

    give()
    yield give
    monkeypatch.undo()
    config.cache_clear()
    process_slack.cache_clear()


@pytest.fixture
def bells(monkeypatch):
    """What is rung for, instead of ringing."""
    rung = []
    monkeypatch.setattr(steps, "enqueue", lambda *ring: rung.append(ring))
    return rung


@pytest.fixture
def take(session, set_up, bells):
    """Return a function that stores a notice made of changed fields."""

    def one(alert_type="PRELIMINARY", minute=5, event=None, **given):
        made = make_notice(event, alert_type=alert_type, **given)
        made["time_created"] = f"2026-01-02T03:{minute:02d}:00Z"
        if alert_type == "RETRACTION":
            made["event"] = None
        raw = as_bytes(made)
        arrival = Arrival("igwn.gwalert", 1, 0, 0, NOW, NOW, Slice(1, 0, len(raw), 0))
        return store(session, intake.judge(raw), arrival, life.Rules())

    return one


@pytest.fixture
def work(session):
    """Return a function that does every step that tells and every click, until none is due."""

    def until_rest(*, with_pictures=False, also=()):
        while due := _due(session, (*(TELLING if with_pictures else QUICK), *also)):
            for step_id in due:
                steps.run(step_id, "worker")
            for action_id in _clicks(session):
                act.run(action_id, "worker")
            session.expire_all()

    return until_rest


@pytest.fixture
def later(session):
    """Return a function that lets rests and leases pass, and doubts about messages."""

    def pass_(*, doubts=True):
        past = func.now() - func.make_interval(0, 0, 0, 0, 1)
        if doubts:
            session.execute(update(Delivery).values(updated_at=past, sent_at=past))
        session.execute(
            update(GwStep).where(GwStep.state == "wanted").values(not_before=func.now())
        )
        session.execute(update(GwStep).where(GwStep.state == "running").values(lease_until=past))
        session.expire_all()

    return pass_


@pytest.fixture
def told(take, work, session):
    """A notice whose card is posted."""
    take(event={"classification": {"BBH": 0.4, "Terrestrial": 0.6}})
    work()
    return session.scalars(select(GwAlert)).one()


@pytest.fixture
def press(session, work):
    """Return a function that presses a button of a message, as the request keeps it."""

    def one(ts, action_id, user=SHIFTER, name="somebody", *, role="shifter", **given):
        row = GwSlackAction(
            key=f"{user}:{ts}:{action_id}:{session.scalar(select(func.count(GwSlackAction.id)))}",
            action_id=action_id,
            user_id=user,
            user_name=name,
            role=role,
            channel=GW,
            message_ts=ts,
            **given,
        )
        session.add(row)
        session.commit()
        work()
        return session.get_one(GwSlackAction, row.id)

    return one


@pytest.fixture
def rings(set_up, monkeypatch):
    """What a request rings for; a dialog may take its time: a busy machine is no reason to fail."""
    rung = []
    monkeypatch.setattr(slack_actions, "enqueue", lambda *ring: rung.append(ring))
    monkeypatch.setattr(triggers, "TRIGGER_S", 60)
    patient = connect(config(), 30, retries=0)
    monkeypatch.setattr(slack_actions, "_impatient_slack", lambda: patient)
    return rung


@pytest.fixture
def shifter(session):
    """Somebody who may decide and plan."""
    user = User.objects.create(username="vera", is_staff=True)
    user.groups.add(Group.objects.get(name="shifter"))
    return StaffRecord.objects.create(user=user, slack_user_id=SHIFTER).user


@pytest.fixture
def plan(told, session):
    """A plan of two tiles."""
    made = make_plan(session, make_group(session, told, state="done"), state="done")
    for rank in (1, 2):
        make_tile(session, made, rank_id=rank, tile_id=9785 + rank)
    session.commit()
    return made


def _due(session, names):
    waiting = (GwStep.state == "wanted") & (GwStep.not_before <= func.now())
    left_behind = (GwStep.state == "running") & (GwStep.lease_until < func.now())
    mine = GwStep.step.in_(names) & (waiting | left_behind)
    found = select(GwStep.id).where(mine).order_by(GwStep.id)
    return [*session.scalars(found), *([0] if _clicks(session) else [])]


def _clicks(session):
    found = select(GwSlackAction.id).where(
        GwSlackAction.state == "wanted", GwSlackAction.not_before <= func.now()
    )
    return list(session.scalars(found.order_by(GwSlackAction.id)))
