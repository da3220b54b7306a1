"""What ends a command: time, a cancel, a retry, a stop, a retraction; rows only, no Kafka."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from pipeline.telescope import ledger, send, tasks
from pipeline.telescope.ledger import NotNowError, UnconfirmedError
from pipeline.telescope.tables import (
    TelescopeAcknowledgment,
    TelescopeCommand,
    TelescopeEvent,
    TelescopeSwitch,
)
from tests.integration.telescope.conftest import ASKED, asked, said, told, wish

pytestmark = pytest.mark.integration


def count(session, table):
    return session.scalar(select(func.count()).select_from(table))


def age(session, command_id, seconds):
    """Make a command so much older."""
    row = session.get(TelescopeCommand, command_id)
    for name in ("created_at", "receive_by", "start_by", "finish_by", "due_at", "sent_at",
                 "received_at", "started_at", "finished_at", "lease_until"):  # fmt: skip
        if getattr(row, name) is not None:
            setattr(row, name, getattr(row, name) - timedelta(seconds=seconds))
    for ack in session.scalars(
        select(TelescopeAcknowledgment).where(TelescopeAcknowledgment.command_id == command_id)
    ):
        ack.received_at -= timedelta(seconds=seconds)
    session.flush()


def test_without_an_answer_it_times_out_and_what_comes_late_is_shown(session, beam, listener, sent,
                                                                     command, dispositions):  # fmt: skip
    name = sent()
    tasks.sweep()
    assert command(name).state == "sent"
    age(session, name, 31)

    tasks.sweep()

    row = command(name)
    assert (row.state, row.timeout_stage, row.ended_by) == ("timeout", "receive", "deadline")
    assert row.finished_at == row.receive_by
    listener(beam, said(name, "completed"))
    row = command(name)
    assert (row.state, row.late_status) == ("timeout", "completed")
    assert row.late_at > row.finished_at
    assert dispositions() == ["late"]


def test_a_new_consumer_group_that_refuses_all_old_commands_changes_none(
    session, beam, listener, sent, command, dispositions
):
    done, running = sent(), sent()
    listener(beam, said(done, "completed"), said(running, "started"))
    age(session, done, 3 * 86_400)

    listener(
        beam,
        *(
            said(name, "rejected", source_application="handler", error_code="expired")
            for name in (done, running)
        ),
    )

    assert (command(done).state, command(running).state) == ("completed", "started")
    assert command(done).late_status is None
    assert dispositions() == ["applied", "applied", "not_counted", "not_counted"]


def test_what_arrived_in_time_is_not_late_because_we_read_it_late(session, beam, listener, sent,
                                                                  command):  # fmt: skip
    name = sent()
    age(session, name, 31)
    tasks.sweep()

    listener(beam, said(name, "received"), at=command(name).receive_by - timedelta(seconds=1))

    assert command(name).state == "received"


def test_a_command_that_nobody_could_send_expires_unsent(session, beam, bells, command):
    name = asked("beam")
    age(session, name, 31)

    tasks.sweep()

    assert (command(name).state, command(name).timeout_stage) == ("timeout", "send")


def test_an_acknowledgment_resolves_an_unknown_one(session, beam, listener, sent, command):
    name = sent()
    row = command(name)
    row.state, row.sent_at = "unknown", None
    session.flush()

    listener(beam, said(name, "received"))

    assert command(name).state == "received"
    assert command(name).sent_at is not None


def test_a_cancel_before_sending_sends_nothing(session, beam, bells, command):
    name = asked("beam")

    act = ledger.cancel(name, "owl", "clouds")

    assert act == (name, "cancelled before it was sent", None)
    assert (command(name).state, command(name).ended_by) == ("cancelled", "operator")
    assert count(session, TelescopeCommand) == 1
    with pytest.raises(NotNowError, match="is cancelled: there is nothing to cancel"):
        ledger.cancel(name, "owl", "again")


def test_a_cancel_of_one_that_runs_is_a_command_and_ends_it(session, beam, listener, sent, command):
    name = sent()
    listener(beam, said(name, "started"))

    act = ledger.cancel(name, "owl", "clouds")
    again = ledger.cancel(name, "owl", "clouds")

    cancel = command(act.new_id)
    assert again.new_id == act.new_id
    assert (cancel.command_type, cancel.cancels) == ("cancel_observation", name)
    assert cancel.observation_id == command(name).observation_id
    assert cancel.request["target_name"] == "M31"
    assert cancel.receive_by is None
    assert command(name).state == "started"
    cancel.state, cancel.sent_at, cancel.attempts = "sent", datetime.now(UTC), 1
    session.flush()
    listener(beam, said(act.new_id, "received"), said(act.new_id, "completed"))
    assert (command(act.new_id).state, command(name).state) == ("completed", "cancelled")


def test_a_cancel_that_is_refused_or_too_late_changes_nothing(session, beam, listener, sent,
                                                              command):  # fmt: skip
    name = sent()
    act = ledger.cancel(name, "owl", "clouds")
    cancel = command(act.new_id)
    cancel.state, cancel.sent_at, cancel.attempts = "sent", datetime.now(UTC), 1
    session.flush()

    listener(beam, said(act.new_id, "rejected"), said(name, "received"))

    assert (command(act.new_id).state, command(name).state) == ("rejected", "received")
    second = ledger.cancel(name, "owl", "clouds")
    assert second.new_id != act.new_id
    row = command(second.new_id)
    row.state, row.sent_at, row.attempts = "sent", datetime.now(UTC) - timedelta(seconds=61), 1
    row.due_at = datetime.now(UTC) - timedelta(seconds=1)
    session.flush()
    tasks.sweep()
    assert (command(second.new_id).state, command(second.new_id).timeout_stage) == (
        "timeout",
        "finish",
    )
    assert command(name).state == "received"


def test_a_retry_is_a_new_command(session, beam, listener, sent, command):
    name = sent(filter="r")
    listener(beam, said(name, "failed", error_code="dome"))

    act = ledger.retry(name, "owl", "dome mended", is_confirmed=True)

    new = command(act.new_id)
    assert (new.retry_of, new.filter, new.state) == (name, "r", "requested")
    assert new.observation_id != command(name).observation_id
    assert {key: new.request[key] for key in ASKED} == ASKED
    assert command(name).error_code == "dome"
    with pytest.raises(NotNowError, match="is requested: it cannot be asked for again"):
        ledger.retry(act.new_id, "owl", "")


def test_a_second_click_asks_for_it_once(session, beam, listener, sent, command):
    name = sent()
    listener(beam, said(name, "failed"))

    first = ledger.retry(name, "owl", "dome mended", is_confirmed=True)
    second = ledger.retry(name, "owl", "dome mended", is_confirmed=True)

    assert second == (name, "is asked for again already", first.new_id)
    assert count(session, TelescopeCommand) == 2
    ledger.cancel(first.new_id, "owl", "clouds")
    assert ledger.retry(name, "owl", "no clouds", is_confirmed=True).new_id != first.new_id


def test_a_retry_of_one_that_may_still_run_cancels_it_first(session, beam, listener, sent, command):
    name = sent()
    age(session, name, 31)
    tasks.sweep()
    listener(beam, told(), told(source_application="handler"))

    with pytest.raises(UnconfirmedError, match=r"may still be obeyed until .* both would run"):
        ledger.retry(name, "owl", "no answer")
    act = ledger.retry(name, "owl", "no answer", is_confirmed=True)

    cancel = session.scalars(select(TelescopeCommand).where(TelescopeCommand.cancels == name)).one()
    assert (cancel.created_at, cancel.command_id) < (
        command(act.new_id).created_at,
        command(act.new_id).command_id,
    )


def test_no_question_is_asked_about_one_that_has_expired_for_certain(session, beam, listener, sent,
                                                                     command):  # fmt: skip
    name = sent()
    age(session, name, 59)
    tasks.sweep()
    listener(beam, told(), told(source_application="handler"))
    with pytest.raises(UnconfirmedError, match="may still be obeyed until"):
        ledger.retry(name, "owl", "no answer")
    age(session, name, 2)

    act = ledger.retry(name, "owl", "no answer")

    assert command(act.new_id).state == "requested"
    assert session.scalars(select(TelescopeCommand).where(TelescopeCommand.cancels == name)).one()


def test_only_an_unknown_one_is_sent_again_with_its_own_id(session, beam, sent, command, bells):
    name = sent()
    with pytest.raises(NotNowError, match="is sent, not unknown"):
        ledger.resend(name, "owl", "")
    row = command(name)
    row.state, row.sent_at = "unknown", None
    session.flush()
    age(session, name, 100)

    with pytest.raises(UnconfirmedError, match="robotics has not been heard of yet"):
        ledger.resend(name, "owl", "the topic is empty")
    ledger.resend(name, "owl", "the topic is empty", is_confirmed=True)

    row = command(name)
    assert (row.state, row.attempts) == ("requested", 1)
    assert row.receive_by > datetime.now(UTC)
    # It may lie there from the first time: a cancel must be told to the telescope.
    assert ledger.cancel(name, "owl", "clouds").did == "a cancel is sent"


def test_stop_cancels_everything_and_nothing_more_is_accepted(session, beam, listener, sent,
                                                              command, bells):  # fmt: skip
    late, ended = sent(), sent()
    listener(beam, said(ended, "completed"))
    age(session, late, 31)
    tasks.sweep()
    running, waiting = sent(), asked("beam")
    unknown = sent()
    command(unknown).state, command(unknown).sent_at = "unknown", None
    elsewhere = asked("sim")
    session.flush()

    acts = {act.command_id: act for act in ledger.stop("beam", "owl", "lightning")}

    assert {name: act.did for name, act in acts.items()} == {
        late: "a cancel is sent",
        running: "a cancel is sent",
        unknown: "a cancel is sent",
        waiting: "cancelled before it was sent",
    }
    assert command(elsewhere).state == "requested"
    assert session.get(TelescopeSwitch, "beam").accepts_commands is False
    with pytest.raises(NotNowError, match="beam accepts no commands: resume it first"):
        ledger.create(wish("beam"), "owl", is_confirmed=True)
    again = ledger.stop("beam", "owl", "lightning")
    assert {act.did for act in again} == {"is being cancelled"}
    ledger.resume("beam", "owl", "it is over")
    assert asked("beam")


def test_a_retraction_takes_back_what_is_not_sent_and_the_rest_when_told_to(
    session, beam, listener, sent, command, set_up
):
    running, waiting = sent(trigger_id="S1"), asked("beam", trigger_id="S1")
    other = asked("beam", trigger_id="S2")
    listener(beam, said(running, "started"))

    acts = ledger.withdraw("S1", "gracedb", "retracted", is_automatic=True)

    assert [act.command_id for act in acts] == [waiting]
    assert (command(waiting).state, command(running).state) == ("cancelled", "started")
    assert command(other).state == "requested"
    [act] = ledger.withdraw("S1", "owl", "retracted")
    assert (act.command_id, act.did) == (running, "a cancel is sent")


def test_a_retraction_takes_back_what_its_sender_has_not_written_yet(session, beam, command):
    waiting = asked("beam", trigger_id="S1")
    lease = send._lease("beam")
    assert (command(waiting).state, command(waiting).attempts) == ("sending", 0)

    acts = ledger.withdraw("S1", "gracedb", "retracted", is_automatic=True)
    send._give_back(lease, "Kafka has no topic")

    assert [act.command_id for act in acts] == [waiting]
    session.expire_all()
    assert command(waiting).state == "cancelled"
    assert send._lease("beam") is None


def test_a_retraction_cancels_all_where_the_settings_say_so(session, beam, listener, sent, set_up):
    running = sent(trigger_id="S1")
    set_up(telescope__cancel_on_retraction="true")

    [act] = ledger.withdraw("S1", "gracedb", "retracted", is_automatic=True)

    assert (act.command_id, act.did) == (running, "a cancel is sent")
    events = select(TelescopeEvent.why).where(TelescopeEvent.who == "gracedb")
    assert session.scalars(events).one() == (
        "retracted; robotics has not been heard of yet; handler has not been heard of yet"
    )


def test_a_retraction_takes_back_what_may_run_although_we_ended_it(session, beam, listener, sent,
                                                                  command):  # fmt: skip
    late, again = sent(trigger_id="S1"), sent(trigger_id="S1")
    age(session, late, 31)
    tasks.sweep()
    assert command(late).state == "timeout"
    command(again).state, command(again).sent_at = "unknown", None
    session.flush()
    ledger.resend(again, "owl", "the topic is empty", is_confirmed=True)

    assert ledger.withdraw("S1", "gracedb", "retracted", is_automatic=True) == []
    acts = ledger.withdraw("S1", "owl", "retracted")

    assert {act.command_id: act.did for act in acts} == {
        late: "a cancel is sent",
        again: "a cancel is sent",
    }


def test_one_that_was_sent_again_and_expired_is_cancelled(session, beam, sent, command):
    name = sent()
    command(name).state, command(name).sent_at = "unknown", None
    session.flush()
    ledger.resend(name, "owl", "the topic is empty", is_confirmed=True)
    age(session, name, 31)
    tasks.sweep()
    assert (command(name).state, command(name).timeout_stage) == ("timeout", "send")

    [act] = ledger.stop("beam", "owl", "lightning")

    assert (act.command_id, act.did) == (name, "a cancel is sent")
