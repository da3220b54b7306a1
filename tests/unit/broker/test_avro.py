"""Containers and Confluent framing: one record, all of it, nothing more, within limits."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.avro import Containers, UnreadableError, container_schema, read_datum
from broker.avro_confluent import read_confluent
from broker.avro_schema import SchemaCache, writer_schema
from broker.dead_letters import REASONS
from tests.hostile import deflate, snappy, zigzag
from tests.samples import container

ALERT = {
    "type": "record",
    "name": "Alert",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": "string"},
        {"name": "history", "type": ["null", {"type": "array", "items": "double"}]},
        {"name": "image", "type": ["null", "bytes"]},
    ],
}
RECORD = {"id": 2**62 + 1, "name": "ZTF26å", "history": [1.5, 2.5], "image": b"\x1f\x8b" * 50}
VALUE = container(ALERT, RECORD)
SYNC = VALUE[-16:]
HEADER = VALUE[: VALUE.index(SYNC)]


def block(body, count=1, sync=SYNC, size=None):
    size = len(body) if size is None else size
    return zigzag(count) + zigzag(size) + body + sync


def with_codec(codec, body):
    header = container(ALERT, codec="null")[:-16].replace(b"\x08null", zigzag(len(codec)) + codec)
    return header + SYNC + block(body)


def body_of(value):
    return value[len(HEADER) + 16 + 3 : -16]


def read(value, allowed=lambda _: True):
    return Containers(allowed).read(value)


def reason(value):
    with pytest.raises(UnreadableError) as caught:
        read(value)
    return caught.value.reason


def read_or_reason(value):
    try:
        return read(value, {container_schema(VALUE).fingerprint}.__contains__)
    except UnreadableError as error:
        return error.reason


def test_a_container_gives_its_one_record():
    assert read(VALUE) == RECORD


def test_a_header_seen_before_gives_the_same_record_under_another_marker():
    containers = Containers(lambda _: True)
    other = {**RECORD, "id": 5}

    found = [containers.read(VALUE), containers.read(container(ALERT, other))]

    assert found == [RECORD, other]


def test_only_short_headers_of_allowed_schemas_are_remembered():
    allowed = {container_schema(VALUE).fingerprint}
    containers = Containers(allowed.__contains__)
    other = {**ALERT, "name": "Other"}
    for i in range(5):
        with pytest.raises(UnreadableError):
            containers.read(container({**other, "doc": str(i)}, RECORD))
    assert containers.read(container({**ALERT, "doc": "x" * 2**17}, RECORD)) == RECORD
    assert containers.read(VALUE) == RECORD

    assert list(containers._known) == [HEADER]


def test_more_headers_than_are_remembered_are_still_read():
    containers = Containers(lambda _: True)
    for i in range(70):
        schema = {**ALERT, "doc": str(i)}
        assert containers.read(container(schema, RECORD)) == RECORD


@pytest.mark.parametrize("pack", [deflate, snappy], ids=["deflate", "snappy"])
def test_compressed_containers_are_read(pack):
    codec = pack.__name__.encode()

    assert read(with_codec(codec, pack(body_of(VALUE)))) == RECORD


def test_a_schema_off_the_allow_list_is_refused_until_it_is_added():
    allowed = set()
    containers = Containers(allowed.__contains__)
    with pytest.raises(UnreadableError, match="accept_schema") as caught:
        containers.read(VALUE)
    assert caught.value.reason == "schema_not_allowed"

    allowed.add(container_schema(VALUE).fingerprint)

    assert containers.read(VALUE) == RECORD


@pytest.mark.parametrize("length", [*range(len(HEADER), len(VALUE)), 1, 3, 40, len(HEADER) // 2])
def test_a_container_cut_anywhere_is_truncated(length):
    expected = "empty" if length == len(HEADER) + 16 else "truncated"

    assert reason(VALUE[:length]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (container(ALERT, RECORD, RECORD), "many_records"),
        (VALUE + block(body_of(VALUE)), "many_records"),
        (VALUE + b"x", "many_records"),
        (container(ALERT), "empty"),
        (HEADER + SYNC + block(body_of(VALUE), count=0), "bad_value"),
        (HEADER + SYNC + block(body_of(VALUE), count=-1), "bad_value"),
        (HEADER + SYNC + block(body_of(VALUE), size=-1), "bad_value"),
        (HEADER + SYNC + block(body_of(VALUE), size=2**61), "truncated"),
        (HEADER + SYNC + block(body_of(VALUE), sync=b"\0" * 16), "truncated"),
        (HEADER + SYNC + block(body_of(VALUE) + b"\0"), "bad_value"),
        (HEADER + SYNC + block(body_of(VALUE)[:-1]), "truncated"),
        (HEADER + SYNC + b"\xff" * 11, "bad_value"),
        (b"Obj\x02" + VALUE[4:], "bad_value"),
        (b'{"a": 1}', "bad_value"),
        (with_codec(b"zstandard", body_of(VALUE)), "bad_value"),
        (VALUE.replace(b'"long"', b'"lung"'), "schema_not_allowed"),
        (b"Obj\x01" + zigzag(2**21) + b"\x02k\0" * 2**21, "too_large"),
        (container({**ALERT, "doc": "x" * 2**21}, RECORD), "too_large"),
        (with_codec(b"deflate", deflate(bytes(17 * 2**20))), "too_large"),
        (with_codec(b"deflate", deflate(body_of(VALUE))[:-3]), "truncated"),
        (with_codec(b"deflate", b"\xff" * 30), "bad_value"),
        (with_codec(b"snappy", snappy(bytes(17 * 2**20))), "too_large"),
        (with_codec(b"snappy", snappy(body_of(VALUE))[:-1] + b"\0"), "bad_value"),
        (with_codec(b"snappy", b"\xff" * 4000), "bad_value"),
        (with_codec(b"snappy", b""), "truncated"),
    ],
    ids=[
        *("two records", "two blocks", "a byte behind", "no block", "count 0", "count -1"),
        *("size -1", "huge size", "foreign marker", "longer than its record", "shorter"),
        *("endless number", "other version", "JSON", "other codec", "broken schema"),
        *("endless header", "huge schema"),
        *("deflate bomb", "cut deflate", "no deflate", "snappy bomb", "wrong checksum"),
        *("no snappy", "empty snappy"),
    ],
)
def test_what_is_not_one_whole_record_is_named(value, expected):
    assert reason(value) == expected


def test_a_huge_length_inside_the_record_is_truncated_not_allocated():
    schema = writer_schema(ALERT)
    body = b"\x02" + zigzag(2**40) + b"abc"

    with pytest.raises(UnreadableError) as caught:
        read_datum(schema, body, 0, len(body))
    assert caught.value.reason == "truncated"


@given(st.data())
def test_changed_bytes_decode_or_are_named(data):
    value = bytearray(VALUE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at] = data.draw(st.integers(0, 255))
    outcome = read_or_reason(bytes(value))

    assert outcome in REASONS or outcome.keys() == RECORD.keys()


def test_confluent_framing_is_big_endian():
    schemas = SchemaCache([{1101: ALERT}.get])
    value = struct.pack(">bI", 0, 1101) + body_of(VALUE)

    assert read_confluent(schemas, value) == RECORD


@pytest.mark.parametrize(
    ("value", "expected", "message"),
    [
        (b"\0\0\0", "truncated", "no schema id"),
        (b"\1\0\0\4\x4d" + body_of(VALUE), "bad_value", "0x01"),
        (b"\0\0\0\4\x4c" + body_of(VALUE), "unknown_schema", "id 1100"),
        (b"\0\x4d\4\0\0" + body_of(VALUE), "unknown_schema", "id 1292107776"),
        (b"\0\0\0\4\x4d" + body_of(VALUE)[:-1], "truncated", "end inside"),
        (b"\0\0\0\4\x4d" + body_of(VALUE) + b"\0", "bad_value", "1 bytes follow"),
    ],
    ids=["short", "other magic", "unknown id", "little-endian id", "cut", "longer"],
)
def test_confluent_values_that_do_not_fit_are_named(value, expected, message):
    with pytest.raises(UnreadableError, match=message) as caught:
        read_confluent(SchemaCache([{1101: ALERT}.get]), value)
    assert caught.value.reason == expected
