"""After a stop nothing starts: whatever was under way between our rows and the topic; no Kafka."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from broker.errors import TransientError
from pipeline.telescope import ledger, send, tasks
from pipeline.telescope.rows import switch
from pipeline.telescope.tables import TelescopeCommand, TelescopeSwitch
from tests.integration.telescope.conftest import asked

pytestmark = pytest.mark.integration


def cancels_of(session, command_id):
    rows = select(TelescopeCommand).where(TelescopeCommand.cancels == command_id)
    return session.scalars(rows.order_by(TelescopeCommand.command_id)).all()


def becomes(command, command_id, state, **more):
    row = command(command_id)
    for name, value in {"state": state, **more}.items():
        setattr(row, name, value)


@pytest.mark.parametrize("again", ["cancel", "stop"])
def test_a_cancel_that_may_never_have_been_sent_is_made_anew(session, sent, command, again):
    name = sent()
    first = ledger.cancel(name, "owl", "clouds").new_id
    becomes(command, first, "unknown", attempts=1)
    session.flush()

    if again == "stop":
        [act] = ledger.stop("beam", "owl", "lightning")
    else:
        act = ledger.cancel(name, "owl", "clouds")

    assert act.did == "a cancel is sent"
    assert act.new_id != first
    assert command(act.new_id).state == "requested"
    assert ledger.cancel(name, "owl", "clouds").new_id == act.new_id


def test_a_start_that_waited_for_kafka_is_dropped_once_it_is_cancelled(
    session, beam, bells, command
):
    name = asked("beam")
    lease = send._lease("beam")
    assert lease.row.command_id == name
    [act] = ledger.stop("beam", "owl", "lightning")
    assert act.did == "a cancel is sent"

    send._give_back(lease, "Kafka is away")

    assert send._lease("beam") is None
    assert (command(name).state, command(name).ended_by) == ("cancelled", "operator")
    assert command(name).finished_at is not None
    [cancel] = cancels_of(session, name)
    assert (cancel.state, cancel.due_at) == ("cancelled", None)


def test_a_start_is_dropped_right_before_it_is_written(session, beam, bells, command):
    name = asked("beam")
    lease = send._lease("beam")
    ledger.cancel(name, "owl", "clouds")

    assert send._note_end(lease, 7) is False

    assert (command(name).state, command(name).attempts) == ("cancelled", 0)
    assert [each.state for each in cancels_of(session, name)] == ["cancelled"]


def test_one_that_may_be_there_is_not_sent_again_before_its_cancel(session, sent, command):
    name = sent()
    becomes(command, name, "unknown", sent_at=None)
    session.flush()
    ledger.resend(name, "owl", "the topic is empty", is_confirmed=True)
    lease = send._lease("beam")
    cancel = ledger.cancel(name, "owl", "clouds").new_id

    send._give_back(lease, "Kafka is away")

    assert command(name).state == "unknown"
    assert send._lease("beam").row.command_id == cancel


def test_a_stopped_telescope_gets_no_start_and_all_its_cancels(session, sent, command):
    running = sent()
    waiting = asked("beam")
    cancel = ledger.cancel(running, "owl", "clouds").new_id
    switch(session, "beam", "owl", "turned by hand", accepts=False)
    session.flush()

    assert send._lease("beam").row.command_id == cancel

    assert command(waiting).state == "requested"
    becomes(command, cancel, "sent", sent_at=datetime.now(UTC))
    assert send._lease("beam") is None


def test_one_that_waits_too_long_holds_up_nothing(session, beam, bells, command):
    old, new = asked("beam"), asked("beam")
    command(old).receive_by = datetime.now(UTC) - timedelta(seconds=1)
    session.flush()

    assert send._lease("beam").row.command_id == new
    assert (command(old).state, command(old).timeout_stage) == ("timeout", "send")


def test_what_another_sender_has_taken_since_is_left_to_it(session, beam, bells, command):
    name = asked("beam")
    send._lease("beam")
    owner = command(name).owner

    send.recover(name)

    assert (command(name).state, command(name).owner) == ("sending", owner)
    command(name).lease_until = datetime.now(UTC)
    session.flush()
    send.recover(name)
    assert command(name).state == "requested"


def test_a_sweep_ends_what_is_over_and_asks_no_server(
    session, beam, bells, sent, command, monkeypatch
):
    def away(*_):
        raise AssertionError("a sweep waits for nobody")

    monkeypatch.setattr(tasks, "recover", away)
    monkeypatch.setattr(tasks, "send_all", away)
    now = datetime.now(UTC)
    over, lost, waiting = sent(), sent(), asked("sim")
    becomes(command, over, "sent", receive_by=now, due_at=now)
    becomes(command, lost, "sending", lease_until=now, sent_at=None, due_at=None)
    command(waiting).created_at = now - timedelta(seconds=4)
    session.flush()
    bells.clear()

    tasks.sweep()

    assert (command(over).state, command(over).timeout_stage) == ("timeout", "receive")
    assert bells == [("telescope.catch_up", "commands", name) for name in ("beam", "sim")]


def test_what_a_sweep_rang_for_is_looked_for_and_then_sent(
    session, beam, bells, sent, command, monkeypatch
):
    done, now = [], datetime.now(UTC)
    monkeypatch.setattr(tasks, "recover", lambda name: done.append(name) or fail())
    monkeypatch.setattr(tasks, "send_all", done.append)
    lost, fresh, elsewhere = sent(), sent(), asked("sim")
    for name in (lost, elsewhere):
        becomes(command, name, "sending", lease_until=now)
    becomes(command, fresh, "sending", lease_until=now + timedelta(seconds=30))
    session.flush()

    tasks.catch_up("beam")

    assert done == [lost, "beam"]


def fail():
    raise TransientError("Kafka is away")


def test_one_of_which_no_message_can_be_made_is_left_to_an_operator(session, beam, bells, command):
    first, second = asked("beam"), asked("beam")
    for name in (first, second):
        row = command(name)
        row.request = {key: value for key, value in row.request.items() if key != "ra"}
    session.flush()

    assert send.send_all("beam") == 2

    assert [command(name).state for name in (first, second)] == ["unknown", "unknown"]
    assert command(first).last_error == "not sent: KeyError('ra')"
    assert (command(first).owner, command(first).due_at) == (None, None)


def test_a_stop_that_met_a_deadlock_stops_all_the_same(session, sent, command, monkeypatch):
    name, once = sent(), iter([OperationalError("SELECT", {}, DeadlockDetected())])
    cancel_row = ledger.cancel_row

    def cancel(*which):
        for error in once:
            raise error
        return cancel_row(*which)

    monkeypatch.setattr(ledger, "cancel_row", cancel)

    [act] = ledger.stop("beam", "owl", "lightning")

    assert (act.command_id, act.did) == (name, "a cancel is sent")
    assert session.get(TelescopeSwitch, "beam").accepts_commands is False
