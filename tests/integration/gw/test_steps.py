"""Steps: claimed by one, tried again after a rest, ended for good, swept when forgotten."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from billiard.exceptions import WorkerLostError
from celery import signals
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from broker import db
from broker.errors import TransientError
from pipeline import ledger
from pipeline.clients.slack_errors import SlackBusyError
from pipeline.gw import step_registry, steps, tasks
from pipeline.gw.tables import GwStep
from pipeline.ledger import back_off_s
from tests.gw_messages import notice
from tests.gw_rows import make_notice, make_step

pytestmark = pytest.mark.integration

PLACE = f"{__name__}:do"
ENDED = f"{__name__}:ended"
did: list[steps.Step] = []
does: list[steps.Outcome | BaseException] = []
ends: list[tuple[str, str]] = []
meanwhile: list[Callable[[], None]] = []


class Died(BaseException):
    """What kill -9 is to a test of one process."""


def do(step: steps.Step) -> steps.Outcome:
    """Do what the test says, once for each call."""
    did.append(step)
    while meanwhile:
        meanwhile.pop()()
    outcome = does.pop(0)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def ended(_session: Session, step: steps.Step, state: str) -> list[steps.Want]:
    """Note how a step ended, and want the summary."""
    ends.append((step.name, state))
    return [steps.Want("retract", id_gw=step.id_gw)]


@pytest.fixture
def card(take, session, bells, monkeypatch) -> int:
    """Return the id of a step that does what ``does`` says."""
    for each in (did, does, ends, meanwhile):
        each.clear()
    take(notice())
    bells.clear()
    changed = [
        replace(kind, function=PLACE, ended=ENDED) if kind.name == "card" else kind
        for kind in step_registry.KINDS
    ]
    monkeypatch.setattr(step_registry, "KINDS", tuple(changed))
    return int(session.scalars(select(GwStep.id).where(GwStep.step == "card")).one())


def row(session: Session, step_id: int) -> GwStep:
    session.expire_all()
    return session.get_one(GwStep, step_id)


def wants(session: Session, name: str) -> int:
    return session.scalar(select(func.count()).where(GwStep.step == name)) or 0


def make_due(session: Session, **values: object) -> None:
    past = text("now() - interval '1 second'")
    session.execute(update(GwStep).values(ring_at=past, not_before=past, **values))


def test_a_step_is_done_once_with_its_results_and_what_follows(card, session, bells):
    noted = text("UPDATE gw_alerts SET message_ts = '17.1'")
    then = [steps.Want("picture", id_gw=row(session, card).id_gw, key="again")]
    does.append(steps.Done(lambda mine: mine.execute(noted) and None, then))

    steps.run(card, "me")
    steps.run(card, "another")

    assert len(did) == 1
    assert (row(session, card).state, row(session, card).attempts) == ("done", 1)
    assert session.scalar(text("SELECT message_ts FROM gw_alerts")) == "17.1"
    assert wants(session, "picture") == 1
    assert ends == [("card", "done")]
    assert [ring[:2] for ring in bells] == [("gw.step", "gw")] * 2


def test_a_failed_attempt_rests_and_the_last_one_ends_the_step(card, session, bells):
    does.extend([TransientError("away"), ValueError("odd\x00"), TransientError("still away")])

    steps.run(card, "me")
    first = row(session, card)
    assert (first.state, first.owner, first.last_error) == (
        "wanted",
        None,
        "TransientError: away",
    )
    steps.run(card, "me")
    assert len(did) == 1  # it rests
    for _ in range(2):
        make_due(session)
        steps.run(card, "me")

    last = row(session, card)
    assert (last.state, last.attempts) == ("failed", 3)
    assert last.last_error == "TransientError: still away"
    assert ends == [("card", "failed")]
    assert wants(session, "retract") == 1


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (steps.Wait(600, "no thread yet"), ("wanted", 0, "no thread yet")),
        (steps.Skip("no channel"), ("skipped", 1, "no channel")),
        (steps.StepFailed("invalid_auth"), ("failed", 1, "invalid_auth")),
    ],
    ids=["waits", "skipped", "no use"],
)
def test_what_else_a_step_may_say(card, session, bells, outcome, expected):
    does.append(outcome)

    steps.run(card, "me")

    found = row(session, card)
    assert (found.state, found.attempts, found.last_error) == expected


@pytest.mark.parametrize(
    ("outcome", "rests"),
    [
        (steps.Wait(600, "no thread yet"), False),
        (steps.StepRestError("another worker writes it", 600), False),
        (TransientError("away"), True),  # what came meanwhile mends no failure
    ],
    ids=["waits", "rests", "failed"],
)
def test_what_came_while_a_step_looked_for_it_is_not_missed(card, session, bells, outcome, rests):
    meanwhile.append(lambda: steps.wake(session, GwStep.id == card))
    does.append(outcome)

    steps.run(card, "me")

    due = session.scalar(select(GwStep.not_before <= func.now()).where(GwStep.id == card))
    assert due is not rests
    assert bells == ([] if rests else [("gw.step", "gw", card)])


@pytest.mark.parametrize(("asked_s", "rest_s"), [(120, 120), (0, 1), (10**9, 3600)])
def test_who_asked_slack_too_often_rests_as_long_as_it_says(card, session, bells, asked_s, rest_s):
    does.append(SlackBusyError("chat.postMessage", asked_s))

    steps.run(card, "me")

    found = row(session, card)
    rests = session.scalar(select(GwStep.not_before - func.now()).where(GwStep.id == card))
    assert (found.state, found.attempts, rests.total_seconds()) == ("wanted", 0, rest_s)


def test_who_waits_in_vain_rests(card, session, bells):
    does.append(steps.Wait(600, "no thread yet"))

    steps.run(card, "me")
    steps.run(card, "me")

    assert (len(did), bells) == (1, [])


def test_who_lost_the_step_writes_nothing(card, session, bells):
    def lose() -> None:
        session.execute(update(GwStep).where(GwStep.id == card).values(owner="another"))

    def write(_: Session) -> None:
        pytest.fail("its results must not be written")

    meanwhile.append(lose)
    does.append(steps.Done(write))

    steps.run(card, "me")

    assert (row(session, card).state, row(session, card).owner) == ("running", "another")


def test_a_lease_that_is_over_is_claimed_by_another_and_the_last_death_counts(card, session, bells):
    past = text("now() - interval '1 second'")
    for deaths in (1, 2):
        session.execute(
            update(GwStep)
            .where(GwStep.id == card)
            .values(state="running", owner="dead", attempts=deaths, lease_until=past)
        )
        does.append(steps.Wait(0, ""))
        steps.run(card, "me")
        assert did.pop().attempts == deaths + 1
    session.execute(
        update(GwStep)
        .where(GwStep.id == card)
        .values(state="running", owner="dead", attempts=3, lease_until=past)
    )

    steps.run(card, "me")

    assert did == []
    assert row(session, card).state == "failed"
    assert "died 3 times" in (row(session, card).last_error or "")


KILLED_AT = ("step_claimed", "step_worked", "step_before_done", "step_ended")


@pytest.mark.parametrize("place", KILLED_AT)
def test_whoever_follows_a_dead_worker_writes_the_results_once(
    card, session, bells, monkeypatch, place
):
    def write(mine: Session) -> None:
        mine.execute(text("UPDATE gw_alerts SET reception_count = reception_count + 1"))

    def die(name: str) -> None:
        if name == place:
            raise Died

    does.extend([steps.Done(write), steps.Done(write)])
    with monkeypatch.context() as patch:
        patch.setattr(steps, "failpoint", die)
        with pytest.raises(Died):
            steps.run(card, "dead")
    past = text("now() - interval '1 second'")
    session.execute(update(GwStep).values(lease_until=past))

    steps.run(card, "me")

    assert row(session, card).state == "done"
    assert session.scalar(text("SELECT reception_count FROM gw_alerts")) == 2
    assert wants(session, "retract") == 1


def test_the_parent_of_a_dead_child_frees_its_step_for_the_sweeper(database):
    with db.transaction() as mine:
        made = make_step(mine, id_gw=make_notice(mine).id_gw, step="card")
    ledger.claim(GwStep, made.id, "lost", 600)
    lost = WorkerLostError("signal 9")

    signals.task_failure.send(sender=tasks.tell, task_id="lost", exception=lost)

    with db.transaction() as mine:
        assert [due.id for due in ledger.take_due(mine, GwStep)] == [made.id]
    assert ledger.claim(GwStep, made.id, "another", 600) is not None


def test_the_sweeper_rings_what_is_due_once_a_minute(card, session, bells):
    make_due(session)
    expected = session.scalar(select(func.count()).select_from(GwStep))

    tasks.sweep()
    tasks.sweep()

    assert len(bells) == expected
    assert ("gw.step", "gw", card) in bells


def test_a_cancelled_step_is_not_done_and_can_be_wanted_again(card, session, bells):
    steps.cancel(session, "superseded", GwStep.id == card)
    steps.run(card, "me")
    assert (row(session, card).state, did) == ("cancelled", [])

    steps.want_again(session, GwStep.id == card)
    does.append(steps.Done())
    steps.run(card, "me")

    assert row(session, card).state == "done"
    assert ends == [("card", "cancelled"), ("card", "done")]


def test_a_step_whose_notice_was_deleted_is_nothing(card, session, bells):
    session.execute(text("DELETE FROM gw_alerts"))

    steps.run(card, "me")

    assert did == []


@pytest.mark.parametrize(
    ("attempts", "rest_s"), [(1, 30), (2, 60), (3, 120), (6, 960), (7, 1800), (500, 1800)]
)
def test_rests_double_up_to_half_an_hour_and_spread_by_a_quarter(attempts, rest_s):
    assert back_off_s(attempts, jitter=0) == rest_s
    assert back_off_s(attempts, jitter=1) == rest_s * 1.25


def test_a_step_that_nobody_could_do_is_refused(session):
    alert = make_notice(session)

    with pytest.raises(KeyError, match="tell_pigeons"):
        steps.want(session, [steps.Want("tell_pigeons", id_gw=alert.id_gw)])
