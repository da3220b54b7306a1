"""Ranges of data into the table: what is stored to the byte, what is buried and copied, and why."""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka.schema_registry import Schema
from nightjar_telescope import TelescopeData
from nightjar_telescope.avro import PREFIX, frame
from nightjar_telescope.schema import schema_of
from sqlalchemy import text

from broker.db import transaction
from broker.ranges.second_tries import try_again
from pipeline.alerts import replay_tasks
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.telescope import sink, sink_tasks
from pipeline.telescope.codec import Codec
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_client.world import registry_client
from tests.integration.telescope_data.world import (
    DataTopic,
    letters,
    piece,
    rows,
    run,
    unchecked,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("kafka"),
    pytest.mark.usefixtures("database"),
]

FAR_ID = 2**31 - 7
"""An id that no registry has given."""


def named(topic: DataTopic, end: str) -> str:
    return f"{topic.telescope.name}-{end}"


def test_every_message_is_a_row_with_its_own_bytes(topic):
    noise, five_mb = os.urandom(300), os.urandom(5_000_000)
    payloads = {"a": b"\x00\xff'\\x00", "b": None, "c": b"", "d": noise, "e": five_mb}
    sent = [piece(named(topic, end), 7, payload) for end, payload in payloads.items()]

    row = topic.work(*topic.send(*sent))

    assert (row["state"], row["stored_count"], row["dead_count"]) == ("done", 5, 0)
    found = rows()
    assert {end: found[named(topic, end)].data for end in payloads} == payloads
    one = found[named(topic, "a")]
    assert (one.observation_id, one.sequence_number, one.timestamp) == (
        "sim-1",
        7,
        sent[0].timestamp,
    )
    assert (one.processed, one.processing_pipeline_version) == (False, None)
    utc_now = datetime.now(UTC).replace(tzinfo=None)
    assert abs(one.sink_timestamp - utc_now) < timedelta(minutes=10)
    assert one.created_at == one.sink_timestamp


def test_a_whole_replay_adds_no_row_no_letter_and_no_copy_and_leaves_what_others_set(topic):
    good = [piece(named(topic, f"{n:03d}"), n) for n in range(20)]
    place = topic.write([*(frame(topic.schema_id, one) for one in good), b"garbage"])
    topic.work(*place)
    with transaction() as session:
        session.execute(
            text(
                "UPDATE telescope_data_raw SET processed = true, processing_pipeline_version = '2'"
            )
        )
    before = rows()

    row = topic.work(*place)

    assert (row["state"], row["stored_count"], row["duplicate_count"]) == ("done", 0, 20)
    assert rows() == before
    assert len(letters()) == len(topic.copies()) == 1


def test_what_cannot_be_read_lies_between_good_ones_and_costs_itself_alone(topic):
    good = [frame(topic.schema_id, piece(named(topic, end))) for end in "ab"]
    wrong_magic = b"\x01" + good[0][1:]
    unknown = PREFIX.pack(0, FAR_ID) + good[0][PREFIX.size :]
    bad = [b"garbage that is none", wrong_magic, unknown]
    topic.write([good[0]])
    topic.write(bad, key=b"\xff\x00key")
    topic.write([good[1]])

    row = topic.work(0, 4)

    assert (row["state"], row["stored_count"], row["dead_count"]) == ("done", 2, 3)
    assert set(rows()) == {named(topic, "a"), named(topic, "b")}
    found = letters()
    assert [each.reason for each in found] == ["bad_value", "bad_value", "unknown_schema"]
    assert str(FAR_ID) in found[2].message
    assert [bytes(each.sha256) for each in found] == [hashlib.sha256(v).digest() for v in bad]
    copies = topic.copies()
    assert [copy.value for copy in copies] == bad
    assert {copy.key for copy in copies} == {b"\xff\x00key"}
    assert copies[2].headers == {
        "error_reason": "unknown_schema",
        "error_topic": topic.telescope.data,
        "error_partition": "0",
        "error_offset": "3",
    }


def test_a_retry_stores_what_a_schema_was_missing_for(topic, monkeypatch):
    schema_id = next_id()
    value = PREFIX.pack(0, schema_id) + frame(1, piece(named(topic, "late")))[PREFIX.size :]
    topic.work(*topic.write([value]))
    [letter] = letters()
    assert letter.reason == "unknown_schema"
    take_id(schema_id)
    rung = []
    monkeypatch.setattr(replay_tasks, "enqueue", lambda *words, **_: rung.append(words))

    assert try_again([letter.id], "somebody").taken == [letter.id]
    replay_tasks.advance_replays()
    for _, _, *arguments in [words for words in rung if len(words) > 2]:
        run(*arguments)

    assert set(rows()) == {named(topic, "late")}
    assert [each.state for each in letters()] == ["resolved"]
    assert len(topic.copies()) == 1


def next_id() -> int:
    """Return an id that the registry will give soon."""
    with registry_client() as client:
        return int(client.register_schema(word(), variant())) + 3


def take_id(wanted: int) -> None:
    """Register schemas of data, each of other words, until one has the id."""
    given = 0
    with registry_client() as client:
        while given < wanted:
            given = int(client.register_schema(word(), variant()))


def variant() -> Schema:
    return Schema(json.dumps(schema_of(TelescopeData) | {"doc": word()}), "AVRO")


def test_of_one_id_the_first_stays_and_another_is_buried_wherever_it_comes(topic):
    name = named(topic, "a")
    topic.work(*topic.send(piece(name, 1, b"first")))

    row = topic.work(
        *topic.send(
            piece(name, 1, b"other bytes"),
            piece(name, 1, b"first"),
            piece(name, 2, b"first"),
            piece(named(topic, "b"), 3, b"b"),
            piece(named(topic, "b"), 3, None),
            piece(named(topic, "b"), 3, b"b"),
        )
    )

    assert (row["stored_count"], row["duplicate_count"], row["dead_count"]) == (1, 2, 3)
    assert (rows()[name].data, rows()[named(topic, "b")].data) == (b"first", b"b")
    found = letters()
    assert [each.reason for each in found] == ["conflict"] * 3
    assert [each.source_offset for each in found] == [1, 3, 5]
    differs = [each.message.rpartition("differs in ")[2] for each in found]
    assert differs == ["data", "sequence_number", "data"]
    assert len(topic.copies()) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sequence_number": 2**31}, "sequence_number = 2147483648"),
        ({"sequence_number": -1}, "sequence_number = -1"),
        ({"observation_id": ""}, "observation_id = ''"),
        ({"observation_id": "x" * 256}, "observation_id"),
        ({"observation_id": "a\0b"}, "NUL"),
    ],
    ids=["too high", "negative", "empty", "too long", "NUL"],
)
def test_what_the_table_cannot_hold_is_named(topic, changes, said):
    bad = unchecked(topic.schema_id, piece(named(topic, "a"), **changes))

    topic.work(*topic.write([bad, frame(topic.schema_id, piece(named(topic, "b")))]))

    [letter] = letters()
    assert letter.reason == "bad_value"
    assert said in letter.message
    assert set(rows()) == {named(topic, "b")}


def test_the_largest_values_that_fit_are_stored(topic):
    long = "é" * 255
    highest = piece(named(topic, "a"), 2**31 - 1, observation_id=long)

    topic.work(*topic.send(highest))

    [row] = rows().values()
    assert (row.sequence_number, row.observation_id) == (2**31 - 1, long)


@pytest.mark.parametrize("at_ms", [-1, 4_102_444_800_000, 2**63 - 1])
def test_a_clock_that_is_wrong_costs_no_data(topic, at_ms):
    row = topic.work(*topic.send(piece(named(topic, "a"), timestamp=at_ms)))

    assert row["stored_count"] == 1
    assert [each.timestamp for each in rows().values()] == [at_ms]


def test_a_telescope_cannot_take_the_ids_of_another(topics):
    one, other = topics
    held = named(one, "1")
    one.work(*one.send(piece(held)))

    other.work(*other.send(piece(held, payload=b"mine"), piece(named(other, "1"))))

    assert rows()[held].data == b"spectrum"
    [letter] = letters()
    assert (letter.reason, letter.topic) == ("bad_value", other.telescope.data)
    assert f"begin with {other.telescope.name}-" in letter.message
    assert [len(each.copies()) for each in topics] == [0, 1]


def test_while_the_registry_is_away_nothing_is_judged_and_nothing_lost(topic, monkeypatch):
    place = topic.write([frame(topic.schema_id, piece(named(topic, "a"))), b"garbage"])
    away = Codec(SchemaRegistry("http://127.0.0.1:9"))
    with monkeypatch.context() as patch:
        patch.setattr(sink_tasks, "codec", lambda: away)
        row = topic.work(*place)

    assert (row["state"], row["releases"], row["attempts"]) == ("queued", 1, 0)
    assert "registry" in row["error"]
    assert (rows(), letters()) == ({}, [])
    assert topic.work(*place)["state"] == "done"
    assert (len(rows()), len(letters())) == (1, 1)


def test_a_range_is_worked_in_parts_that_fit_the_memory(topic, monkeypatch):
    worked = []
    store = sink._store
    monkeypatch.setattr(
        sink,
        "_store",
        lambda work, pieces, *a, **k: (worked.append(len(pieces)), store(work, pieces, *a, **k)),
    )
    sent = [piece(named(topic, f"{n}"), n, os.urandom(3_000_000)) for n in range(25)]

    row = topic.work(*topic.send(*sent))

    assert (row["state"], row["stored_count"]) == ("done", 25)
    assert worked == [12, 12, 1]
    assert all(rows()[one.data_id].data == one.data_payload for one in sent)


def test_a_message_that_breaks_its_range_is_buried_alone(topic, monkeypatch):
    insert = sink.sink_rows.store

    def breaks(session, pieces, telescope):
        if any(one.row.data_id.endswith("bad") for one in pieces):
            raise RuntimeError("cannot")
        return insert(session, pieces, telescope)

    monkeypatch.setattr(sink.sink_rows, "store", breaks)
    names = [named(topic, end) for end in ("1", "bad", "2")]

    row = topic.work(*topic.send(*map(piece, names)))

    assert row["state"] == "done"
    assert set(rows()) == {names[0], names[2]}
    assert [(each.reason, each.source_offset) for each in letters()] == [("unexpected", 1)]


def test_a_topic_without_a_record_waits(topic, set_up):
    place = topic.send(piece(named(topic, "a")))
    set_up(telescopes=records(word()))

    row = topic.work(*place)

    assert (row["state"], row["releases"]) == ("queued", 1)
    assert "no telescope's record" in row["error"]
