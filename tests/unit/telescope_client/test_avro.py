"""Messages to bytes and back; what is no message is named."""

import dataclasses
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nightjar_telescope import InvalidMessageError, UndecodableError, messages
from nightjar_telescope.avro import decode, encode, frame, parsed_schema, schema_id
from nightjar_telescope.messages import (
    EPOCH,
    AckStatus,
    CommandAcknowledgment,
    Message,
    StatusLevel,
    TelescopeCommand,
    TelescopeData,
    TelescopeStatus,
)
from nightjar_telescope.schema import schema_of, schema_text

from tests.unit.telescope_client.messages import acknowledgment, command, data, one_of_each, status

TEXT = st.text(max_size=20).filter(lambda text: "\0" not in text)
NAME = TEXT.filter(bool)
LONG = st.integers(-(2**63), 2**63 - 1)


def written(definition: Any, record: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, definition, record)
    return out.getvalue()


def changed(kind: type[Message], change: Any) -> Any:
    """Return a schema after a change made to a copy of ours."""
    definition = json.loads(schema_text(kind))
    change(definition)
    return fastavro.parse_schema(definition)


@pytest.mark.parametrize("message", one_of_each(), ids=lambda m: type(m).__name__)
def test_what_is_written_is_read(message):
    kind = type(message)

    assert decode(kind, parsed_schema(kind), encode(message)) == message


@pytest.mark.parametrize("message", one_of_each(), ids=lambda m: type(m).__name__)
def test_another_library_reads_what_is_written(message):
    schema = avro.schema.parse(schema_text(type(message)))

    found = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(BytesIO(encode(message))))

    for name, value in dataclasses.asdict(message).items():
        if isinstance(value, dict):
            assert {each: found[name][each] for each in value} == value
        else:
            assert found[name] == value


def test_the_bytes_of_a_message_are_those_of_the_specification():
    # Avro 1.11: a string is its zigzag length and bytes, a long is zigzag, a branch its index.
    expected = b"\x04d1" + b"\x04o1" + b"\x0e" + b"\x80\x01" + b"\x02" + b"\x04\x00\xff"

    assert encode(TelescopeData("d1", "o1", 7, 64, b"\x00\xff")) == expected
    assert frame(258, TelescopeData("d1", "o1", 7, 64, b"\x00\xff")) == (
        b"\x00\x00\x00\x01\x02" + expected
    )


def test_nothing_invalid_is_encoded():
    with pytest.raises(InvalidMessageError, match=r"observation_request\.ra = 360\.0"):
        encode(command(ra=360.0))


@given(
    st.builds(
        TelescopeStatus,
        NAME,
        LONG,
        TEXT,
        st.none() | TEXT,
        st.sampled_from(StatusLevel),
        cpu_usage_percent=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_every_status_survives(message):
    assert decode(TelescopeStatus, parsed_schema(TelescopeStatus), encode(message)) == message


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 in any zone
    st.integers(-23, 23),
)
def test_a_time_survives_to_the_millisecond_from_any_zone(time, hours):
    aware = time.replace(tzinfo=timezone(timedelta(hours=hours)))
    sent = command(submitted_at=aware)

    found = decode(TelescopeCommand, parsed_schema(TelescopeCommand), encode(sent))

    got = found.observation_request.submitted_at
    assert got.tzinfo is UTC
    assert timedelta(0) <= aware - got < timedelta(milliseconds=1)


@pytest.mark.parametrize("name", ["submitted_at", "created_at", "updated_at"])
def test_times_that_the_writer_lacks_are_1970_utc(name):
    def drop(definition):
        observation = definition["fields"][3]["type"][1]
        observation["fields"] = [f for f in observation["fields"] if f["name"] != name]

    writer = changed(TelescopeCommand, drop)
    record = fastavro.schemaless_reader(
        BytesIO(encode(command())), parsed_schema(TelescopeCommand), None
    )
    found = decode(TelescopeCommand, writer, written(writer, record))

    assert getattr(found.observation_request, name) == EPOCH
    assert getattr(found.observation_request, name).tzinfo is UTC


def test_a_symbol_that_we_lack_claims_no_end_and_is_no_information():
    def add_ack(definition):
        definition["fields"][3]["type"]["symbols"].append("paused")

    def add_level(definition):
        definition["fields"][4]["type"]["symbols"].append("doom")

    acks = changed(CommandAcknowledgment, add_ack)
    levels = changed(TelescopeStatus, add_level)
    ack = written(acks, dataclasses.asdict(acknowledgment()) | {"status": "paused"})
    level = written(levels, dataclasses.asdict(status()) | {"level": "doom"})

    assert decode(CommandAcknowledgment, acks, ack).status is AckStatus.RECEIVED
    assert decode(TelescopeStatus, levels, level).level is StatusLevel.WARNING


def test_version_2_is_read_by_version_1_and_the_reverse():
    def grow(definition):
        observation = definition["fields"][3]["type"][1]
        observation["fields"].append(
            {"name": "filter", "type": ["null", "string"], "default": None}
        )

    second = changed(TelescopeCommand, grow)
    first = parsed_schema(TelescopeCommand)
    sent = command()
    record = dataclasses.asdict(sent)
    record["observation_request"]["filter"] = "g"
    new = written(second, record)

    assert decode(TelescopeCommand, second, new) == sent
    # By position, as applications in the field do: the writer's schema is not asked for.
    positional = fastavro.schemaless_reader(BytesIO(new), first, None)
    assert positional["observation_request"]["updated_at"] == EPOCH
    assert positional == fastavro.schemaless_reader(BytesIO(encode(sent)), first, None)
    assert (
        fastavro.schemaless_reader(BytesIO(encode(sent)), first, second)["observation_request"].get(
            "filter", "no field"
        )
        is None
    )


BAD = {
    "empty": (b"", "0 bytes hold no schema id"),
    "short": (b"\0\0\0\0", "4 bytes hold no schema id"),
    "magic": (b"\x01\0\0\0\x01abc", "the first byte is 0x01"),
    "json": (b'{"command_id": 1}', "the first byte is 0x7b"),
    "high magic": (b"\xff\0\0\0\x01abc", "the first byte is 0xff"),
}


@pytest.mark.parametrize(("value", "says"), BAD.values(), ids=BAD)
def test_what_has_no_framing_is_named(value, says):
    with pytest.raises(UndecodableError, match=says):
        schema_id(value)


def test_the_id_is_read_big_endian():
    assert schema_id(struct.pack(">bI", 0, 2**31 + 5) + b"x") == 2**31 + 5


@pytest.mark.parametrize(
    ("datum", "says"),
    [
        (b"", "no TelescopeData: EOFError"),
        (encode(data())[:-1], "no TelescopeData"),
        (encode(data()) + b"\0", "1 bytes follow the TelescopeData"),
        (b"\x02\xff" + encode(data())[13:], "no TelescopeData"),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "no TelescopeData"),
    ],
    ids=["empty", "cut", "longer", "no UTF-8", "endless string"],
)
def test_bytes_that_are_no_message_are_named(datum, says):
    with pytest.raises(UndecodableError, match=says):
        decode(TelescopeData, parsed_schema(TelescopeData), datum)


def test_a_time_beyond_all_calendars_is_undecodable():
    record = dataclasses.asdict(command())
    definition = schema_of(TelescopeCommand)
    text = json.dumps(definition).replace(', "logicalType": "timestamp-millis"', "")
    plain = fastavro.parse_schema(json.loads(text))
    times = dict.fromkeys(("submitted_at", "created_at", "updated_at"), 2**62)
    datum = written(plain, record | {"observation_request": record["observation_request"] | times})

    with pytest.raises(UndecodableError, match="no TelescopeCommand"):
        decode(TelescopeCommand, parsed_schema(TelescopeCommand), datum)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [(TelescopeStatus, data()), (TelescopeCommand, acknowledgment()), (TelescopeData, status())],
    ids=["data", "acknowledgment", "status"],
)
def test_another_kind_of_message_is_no_message(wanted, sent):
    with pytest.raises(UndecodableError, match=f"no {wanted.__name__}"):
        decode(wanted, parsed_schema(type(sent)), encode(sent))


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_message_or_undecodable(datum):
    for kind in messages.KINDS:
        try:
            found = decode(kind.message, parsed_schema(kind.message), datum)
        except UndecodableError:
            continue
        assert isinstance(found, kind.message)


def test_a_message_is_not_changed_after_it_was_made():
    with pytest.raises(dataclasses.FrozenInstanceError):
        command().command_id = "another"
    assert replace(command(), command_id="another").command_id == "another"
