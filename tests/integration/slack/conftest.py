"""A stand-in for Slack for each test, named in the settings; notices that are stored and told."""

from functools import partial

import pytest
from django.contrib.auth.models import Group, User
from sqlalchemy import func, select, update

from accounts.models import StaffRecord
from broker.config import config
from pipeline.clients.slack import connect
from pipeline.clients.slack import slack as process_slack
from pipeline.gw import steps
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.tables import Delivery, GwAlert, GwStep
from pipeline.simulate.slack import triggers
from pipeline.web import slack_actions
from tests import gw_work
from tests.gw_rows import make_group, make_plan, make_tile
from tests.gw_work import QUICK, TELLING, store_notice
from tests.slack import GW, SHIFTER, client, serving, settings


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

    return partial(store_notice, session)


@pytest.fixture
def work(session):
    """Return a function that does every step that tells and every click, until none is due."""

    def until_rest(*, with_pictures=False, also=()):
        gw_work.work(session, (*(TELLING if with_pictures else QUICK), *also))

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
