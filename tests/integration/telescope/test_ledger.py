"""What is asked of telescopes and what they say; rows only, no Kafka."""

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
)
from pipeline.telescope.wish import RefusedError
from tests.integration.telescope.conftest import said, told, wish

pytestmark = pytest.mark.integration


def letters(session):
    rows = session.scalars(select(DeadLetter).order_by(DeadLetter.id))
    return [(row.stream, row.topic, row.reason) for row in rows]


def count(session, table):
    return session.scalar(select(func.count()).select_from(table))


def test_a_command_is_a_row_an_event_and_a_bell(session, beam, bells, command):
    act = ledger.create(wish("beam", trigger_id="S1"), "owl", is_confirmed=True)

    row = command(act.command_id)
    assert (row.state, row.requested_by, row.trigger_id) == ("requested", "owl", "S1")
    assert row.observation_id == row.request["observation_id"]
    assert row.observation_id.startswith("beam-")
    assert row.receive_by - row.created_at == timedelta(seconds=30)
    assert bells == [("telescope.send", "commands", "beam")]
    [event] = session.scalars(select(TelescopeEvent))
    assert (event.who, event.what, event.command_id) == ("owl", "requested", act.command_id)


def test_the_same_wish_again_makes_no_second_command(session, beam, bells):
    first = ledger.create(wish("beam", idempotency_key="k"), "owl", is_confirmed=True)
    second = ledger.create(wish("beam", idempotency_key="k"), "owl")

    assert second.command_id == first.command_id
    assert (second.did, count(session, TelescopeCommand)) == ("was asked for before", 1)


def test_each_telescope_and_origin_has_keys_of_its_own(session, beam, bells, command):
    acts = [
        ledger.create(wish(name, idempotency_key="k", origin=origin), "owl", is_confirmed=True)
        for name, origin in (("beam", "api"), ("sim", "api"), ("beam", "plan"))
    ]

    assert {act.did for act in acts} == {"requested"}
    assert [command(act.command_id).telescope for act in acts] == ["beam", "sim", "beam"]


@pytest.mark.parametrize("changes", [{"ra": 10.69}, {"tile_id": "8"}])
def test_a_key_that_is_taken_for_something_else_is_refused(session, beam, bells, changes):
    asked_for = {"idempotency_key": "k", "trigger_id": "S1", "tile_id": "7"}
    first = ledger.create(wish("beam", **asked_for), "owl", is_confirmed=True).command_id

    with pytest.raises(NotNowError, match=f"{first} has it, with another {next(iter(changes))}:"):
        ledger.create(wish("beam", **asked_for | changes), "owl", is_confirmed=True)

    assert count(session, TelescopeCommand) == 1


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
    with pytest.raises(
        UnconfirmedError, match=f"not been heard of since {old:%Y-%m-%d %H:%M:%S} UTC"
    ):
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
