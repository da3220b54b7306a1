"""What is asked of telescopes, what they say, and what becomes of it; rows only, no Kafka."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from nightjar_telescope import CommandAcknowledgment, StatusLevel
from sqlalchemy import func, select

from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.telescope import ledger, tasks
from pipeline.telescope.codec import codec
from pipeline.telescope.ledger import NotNowError, UnconfirmedError
from pipeline.telescope.reception import TelescopeReception
from pipeline.telescope.record import RecordError
from pipeline.telescope.registration import register
from pipeline.telescope.tables import (
    TelescopeAcknowledgment,
    TelescopeCommand,
    TelescopeEvent,
    TelescopeLatestStatus,
    TelescopeStatus,
    TelescopeSwitch,
)
from pipeline.telescope.wish import RefusedError
from tests.integration.telescope.conftest import ASKED, asked, said, told, wish

pytestmark = pytest.mark.integration


@pytest.fixture
def listener(session, beam, field):
    """Hands messages to the reception of our listener."""
    reception = TelescopeReception(lambda topic: f"id of {topic}", codec())

    def take(telescope, *messages, at=None):
        status = [each for each in messages if type(each).__name__ == "TelescopeStatus"]
        topic = telescope.status if status else telescope.acknowledgments
        reception.take(field.batch(topic, messages, at))
        session.expire_all()

    yield take
    reception.close()


@pytest.fixture
def sent(session, beam, bells):
    """Return a function that makes a command that is on its topic."""

    def make(**more):
        command_id = asked("beam", **more)
        row = session.get(TelescopeCommand, command_id)
        row.state, row.sent_at, row.attempts = "sent", datetime.now(UTC), 1
        session.flush()
        return command_id

    return make


@pytest.fixture
def command(session):
    def get(command_id):
        return session.get(TelescopeCommand, command_id, populate_existing=True)

    return get


@pytest.fixture
def dispositions(session):
    def get():
        table = TelescopeAcknowledgment
        return list(session.scalars(select(table.disposition).order_by(table.id)))

    return get


def letters(session):
    rows = session.scalars(select(DeadLetter).order_by(DeadLetter.id))
    return [(row.stream, row.topic, row.reason) for row in rows]


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


def test_a_command_is_a_row_an_event_and_a_bell(session, beam, bells, command):
    act = ledger.create(wish("beam", trigger_id="S1"), "owl", is_confirmed=True)

    row = command(act.command_id)
    assert (row.state, row.requested_by, row.trigger_id) == ("requested", "owl", "S1")
    assert row.observation_id == row.request["observation_id"]
    assert row.observation_id.startswith("beam-")
    assert row.receive_by - row.created_at == timedelta(seconds=30)
    assert bells == [("telescope.send", "notify", "beam")]
    [event] = session.scalars(select(TelescopeEvent))
    assert (event.who, event.what, event.command_id) == ("owl", "requested", act.command_id)


def test_the_same_wish_again_makes_no_second_command(session, beam, bells):
    first = ledger.create(wish("beam", idempotency_key="k"), "owl", is_confirmed=True)
    second = ledger.create(wish("beam", idempotency_key="k"), "owl")

    assert second.command_id == first.command_id
    assert (second.did, count(session, TelescopeCommand)) == ("was asked for before", 1)


def test_what_is_refused_leaves_nothing(session, beam, bells):
    with pytest.raises(RefusedError, match="ra = 360"):
        ledger.create(wish("beam", ra=360), "owl")
    with pytest.raises(RecordError, match="no telescope 'nowhere'; known: beam, sim"):
        ledger.create(wish("nowhere"), "owl")

    assert (count(session, TelescopeCommand), bells) == (0, [])


def test_silence_brokenness_and_work_under_way_ask_for_a_word(session, beam, listener, bells):
    with pytest.raises(UnconfirmedError) as silent:
        ledger.create(wish("beam"), "owl")
    assert silent.value.doubts == (
        "robotics has not been heard of yet",
        "handler has not been heard of yet",
    )
    listener(beam, told(), told(source_application="handler", is_operational=False))
    with pytest.raises(UnconfirmedError, match=r"^handler is not operational: mount: tracking$"):
        ledger.create(wish("beam"), "owl")
    listener(beam, told(source_application="handler"))
    first = ledger.create(wish("beam"), "owl").command_id
    with pytest.raises(UnconfirmedError, match=rf"unfinished command: {first} \(requested\)"):
        ledger.create(wish("beam"), "owl")

    old = datetime.now(UTC) - timedelta(seconds=61)
    for row in session.scalars(select(TelescopeLatestStatus)):
        row.received_at = old
    session.flush()
    with pytest.raises(UnconfirmedError, match=f"not been heard of since {old:%H:%M:%S} UTC"):
        ledger.create(wish("beam"), "owl")
    ledger.create(wish("beam"), "owl", is_confirmed=True)


def test_acknowledgments_carry_a_command_to_its_end(session, beam, listener, sent, command,
                                                    dispositions):  # fmt: skip
    name = sent()

    listener(
        beam,
        said(name, "received"),
        said(name, "started", progress_percent=25.0),
        said(name, "started", progress_percent=75.0),
        said(name, "completed"),
    )

    row = command(name)
    assert (row.state, row.progress_percent, row.ended_by) == ("completed", 75, "telescope")
    assert row.received_at <= row.started_at <= row.finished_at
    assert dispositions() == ["applied", "applied", "progress", "applied"]
    assert row.due_at is None


def test_a_message_that_comes_again_changes_nothing(session, beam, listener, sent, field,
                                                    dispositions):  # fmt: skip
    name = sent()
    ack = said(name, "received")
    reception = TelescopeReception(lambda topic: f"id of {topic}", codec())
    batch = field.batch(beam.acknowledgments, [ack, ack])

    reception.take(batch)
    reception.take(batch)

    assert (dispositions(), letters(session)) == (["applied"], [])


def test_an_id_that_says_something_else_is_a_conflict_and_overwrites_nothing(
    session, beam, listener, sent, command
):
    name = sent()
    listener(beam, said(name, "received", ack_id="a"))

    listener(beam, said(name, "failed", ack_id="a"))
    listener(beam, told(status_id="s"))
    listener(beam, told(status_id="s", level=StatusLevel.CRITICAL))

    assert command(name).state == "received"
    assert letters(session) == [
        ("telescope", beam.acknowledgments, "conflict"),
        ("telescope", beam.status, "conflict"),
    ]
    assert session.scalars(select(TelescopeLatestStatus)).one().level == "info"


def test_strangers_are_stored_and_shown_and_move_nothing(session, beam, listener, sent, command,
                                                         dispositions):  # fmt: skip
    from pipeline.telescope.record import telescope

    name = sent()

    listener(telescope("sim"), said(name, "completed"))
    listener(beam, said("cmd-nobody", "completed"))

    assert dispositions() == ["wrong_telescope", "unknown_command"]
    assert command(name).state == "sent"


def test_garbage_is_buried_with_its_reason_and_its_neighbours_live(session, beam, listener, sent,
                                                                   field, command):  # fmt: skip
    name = sent()
    good = field.framed(beam.acknowledgments, said(name, "started"))

    listener(
        beam,
        b"",
        b"\0\0",
        b"\1" + good[1:],
        b"\0\0\0\xff\xff" + good[5:],
        good[:-9],
        good,
        field.framed(beam.status, told()),
    )

    assert command(name).state == "started"
    reasons = [reason for *_, reason in letters(session)]
    assert reasons == [
        "empty", "truncated", "bad_value", "unknown_schema", "bad_value", "bad_value",
    ]  # fmt: skip


def test_a_value_out_of_bounds_is_left_out_where_it_can_be(session, beam, listener, sent, field,
                                                           command, monkeypatch):  # fmt: skip
    name = sent()
    monkeypatch.setattr("nightjar_telescope.avro.validate", lambda _: None)  # a foreign sender

    listener(
        beam,
        said(name, "started", progress_percent=float("nan"), message="a\0b"),
        said(name, "started", ack_id=""),
    )

    row = session.scalars(select(TelescopeAcknowledgment)).one()
    assert (row.progress_percent, row.message, row.status) == (None, None, "started")
    assert letters(session) == [("telescope", beam.acknowledgments, "bad_value")]


def test_status_is_kept_and_the_newest_of_each_component_is_the_board(session, beam, listener):
    now = datetime.now(UTC)
    listener(beam, told(message="new"), told(component="dome"), at=now)

    listener(beam, told(message="old"), at=now - timedelta(seconds=5))

    assert count(session, TelescopeStatus) == 3
    table = TelescopeLatestStatus
    rows = session.scalars(select(table).order_by(table.component)).all()
    assert [(row.component, row.message) for row in rows] == [
        ("dome", "tracking"),
        ("mount", "new"),
    ]
    listener(beam, told(component="x" * 256))
    assert letters(session) == [("telescope", beam.status, "bad_value")]


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
    age(session, second.new_id, 0)
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
    age(session, name, 30)
    later = ledger.retry(name, "owl", "no answer", is_confirmed=True)
    assert later.new_id


def test_only_an_unknown_one_is_sent_again_with_its_own_id(session, beam, sent, command, bells):
    name = sent()
    with pytest.raises(NotNowError, match="is sent, not unknown"):
        ledger.resend(name, "owl", "")
    row = command(name)
    row.state, row.sent_at = "unknown", None
    session.flush()
    age(session, name, 100)

    ledger.resend(name, "owl", "the topic is empty")

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


def test_a_retraction_cancels_all_where_the_settings_say_so(session, beam, listener, sent, set_up):
    running = sent(trigger_id="S1")
    set_up(telescope__cancel_on_retraction="true")

    [act] = ledger.withdraw("S1", "gracedb", "retracted", is_automatic=True)

    assert (act.command_id, act.did) == (running, "a cancel is sent")


def test_two_required_applications(session, beam, listener, sent, command, set_up):
    from pipeline.telescope.record import telescope

    record = beam.settings.model_dump()
    for application in record["applications"]:
        application["is_required"] = True
    set_up(telescopes=json.dumps({"beam": record}))
    first, second = sent(), sent()
    both = telescope("beam")

    listener(both, said(first, "completed"), said(second, "completed"))
    assert {command(first).state, command(second).state} == {"started"}
    listener(
        both,
        said(first, "completed", source_application="handler"),
        said(second, "failed", source_application="handler"),
    )

    assert (command(first).state, command(second).state) == ("completed", "failed")


def test_old_status_goes_and_new_status_stays(session, beam, listener):
    listener(beam, told(), at=datetime.now(UTC) - timedelta(days=31))
    listener(beam, told())

    tasks.tidy()

    assert count(session, TelescopeStatus) == 1


def test_what_is_kept_of_schemas_serves_while_the_registry_is_away_or_forgot(
    session, beam, listener, sent, command, field, small_registry
):
    wanted = [(f"{beam.acknowledgments}-value", CommandAcknowledgment)]
    register(SchemaRegistry(small_registry.url), wanted)
    first, second, third = sent(), sent(), sent()
    frames = [
        field.framed(beam.acknowledgments, said(name, "received"))
        for name in (first, second, third)
    ]
    unknown = b"\0\0\0\xff\xff" + frames[0][5:]
    codec.cache_clear()
    kept = TelescopeReception(lambda topic: f"id of {topic}", codec())

    small_registry.known["ids"] = {}
    kept.take(field.batch(beam.acknowledgments, [frames[0]]))
    assert command(first).state == "received"

    small_registry.shutdown()
    small_registry.server_close()
    codec.cache_clear()
    kept = TelescopeReception(lambda topic: f"id of {topic}", codec())
    kept.take(field.batch(beam.acknowledgments, [frames[1]]))
    assert command(second).state == "received"
    with pytest.raises(TransientError, match="registry"):
        kept.take(field.batch(beam.acknowledgments, [frames[2], unknown]))
    assert letters(session) == []
