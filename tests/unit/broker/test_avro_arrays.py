"""Array lengths are known, and refused, before a datum is decoded."""

import contextlib
import io
import tracemalloc

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import avro, avro_arrays, avro_schema
from broker.avro import UnreadableError, read_datum
from broker.avro_arrays import ArrayCounter, MalformedError, TooManyItemsError
from broker.avro_schema import writer_schema
from tests.hostile import zigzag

POINT = {
    "type": "record",
    "name": "Point",
    "fields": [{"name": "x", "type": ["null", "double"]}, {"name": "band", "type": "string"}],
}
EVERYTHING = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "id", "type": {"type": "long"}},
        {"name": "flag", "type": "boolean"},
        {"name": "flux", "type": ["null", "float", "string"]},
        {"name": "first", "type": POINT},
        {"name": "history", "type": ["null", {"type": "array", "items": "Point"}]},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
        {"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 3}},
        {"name": "notes", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
        {"name": "image", "type": "bytes"},
    ],
}
NUMBERS = {
    "type": "record",
    "name": "Numbers",
    "fields": [
        {"name": "before", "type": "string"},
        {"name": "values", "type": {"type": "array", "items": "int"}},
    ],
}

points = st.fixed_dictionaries(
    {"x": st.none() | st.floats(allow_nan=False), "band": st.text(max_size=3)}
)
everything = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**63), 2**63 - 1),
        "flag": st.booleans(),
        "flux": st.none() | st.floats(width=32, allow_nan=False) | st.text(max_size=3),
        "first": points,
        "history": st.none() | st.lists(points, max_size=5),
        "kind": st.sampled_from("ab"),
        "mark": st.binary(min_size=3, max_size=3),
        "notes": st.dictionaries(st.text(max_size=2), st.lists(st.integers(-9, 999)), max_size=3),
        "image": st.binary(max_size=20),
    }
)


def written(schema, record):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, record)
    return stream.getvalue()


def longest(record):
    """The most items in an array; of ``notes``, over all its entries."""
    notes = record["notes"]
    return max(len(record["history"] or ()), len(notes), sum(map(len, notes.values())))


@given(everything, st.integers(1, 6))
def test_it_counts_what_the_decoder_would_read(record, most):
    value = written(EVERYTHING, record)
    counter = ArrayCounter(writer_schema(EVERYTHING).parsed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avro_arrays, "MAX_ITEMS", most)
        if longest(record) > most:
            with pytest.raises(TooManyItemsError):
                counter.check(value, 0, len(value))
        else:
            counter.check(value, 0, len(value))


@given(everything, st.integers(1, 6))
def test_a_datum_of_the_harmless_length_has_no_long_array(record, most):
    value = written(EVERYTHING, record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avro_schema, "MAX_ITEMS", most)
        harmless_bytes = writer_schema(EVERYTHING).harmless_bytes

    assert len(value) > harmless_bytes or longest(record) <= most


@given(st.binary(max_size=60))
def test_any_bytes_are_counted_or_named(value):
    with contextlib.suppress(TooManyItemsError, MalformedError):
        ArrayCounter(writer_schema(EVERYTHING).parsed).check(value, 0, len(value))


def blocks(*counts):
    parts = [
        zigzag(count) + (zigzag(abs(count)) if count < 0 else b"") + b"\0" * min(abs(count), 20_000)
        for count in counts
    ]
    return b"\x06abc" + b"".join(parts) + b"\0"


@pytest.mark.parametrize(
    "counts",
    [(10_001,), (10_000, 1), (-10_000, 1), (5_000, -5_000, 1), (2**27,), (2**62,), (-(2**63),)],
    ids=str,
)
def test_more_items_than_allowed_are_refused_however_they_are_cut_into_blocks(counts):
    value = blocks(*counts)
    with pytest.raises(TooManyItemsError, match="values: "):
        ArrayCounter(writer_schema(NUMBERS).parsed).check(value, 0, len(value))


@pytest.mark.parametrize("counts", [(10_000,), (9_999, 1), (-5_000, -5_000), ()], ids=str)
def test_as_many_as_allowed_pass(counts):
    value = blocks(*counts)

    ArrayCounter(writer_schema(NUMBERS).parsed).check(value, 0, len(value))


def test_a_record_is_counted_where_it_lies_in_a_longer_value():
    value = b"\xff" * 7 + blocks(3) + b"\xff" * 16

    ArrayCounter(writer_schema(NUMBERS).parsed).check(value, 7, len(value) - 16)


@pytest.mark.parametrize(
    "value",
    [b"\x00\x00\x00\x01", b"\xff" * 11, b"\0\0" + b"\x80" * 10 + b"\x01"],
    ids=["negative branch", "endless number", "endless branch"],
)
def test_what_no_writer_makes_is_malformed(value):
    schema = {
        "type": "record",
        "name": "A",
        "fields": [
            {"name": "a", "type": "long"},
            {"name": "b", "type": "boolean"},
            {"name": "c", "type": ["null", "int"]},
            {"name": "d", "type": ["null", "int"]},
        ],
    }
    with pytest.raises(MalformedError):
        ArrayCounter(writer_schema(schema).parsed).check(value, 0, len(value))


@pytest.mark.parametrize("length", [2**40, -1, -(2**62)], ids=str)
def test_bytes_that_end_early_are_left_to_the_decoder(length):
    value = zigzag(length) + b"abc"

    ArrayCounter(writer_schema(NUMBERS).parsed).check(value, 0, len(value))


def test_a_long_array_is_refused_before_anything_is_decoded(monkeypatch):
    schema = writer_schema(NUMBERS)
    value = b"\0" + zigzag(7_000_000) + b"\0" * 7_000_001
    monkeypatch.setattr(avro.fastavro, "schemaless_reader", lambda *_: pytest.fail("decoded"))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError, match=r"values: 7000000 rows; at most") as caught:
            read_datum(schema, value, 0, len(value))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert caught.value.reason == "array_too_long"
    assert peak_bytes < 2 * len(value)


def test_a_long_datum_that_is_malformed_is_a_bad_value():
    schema = writer_schema(
        {**NUMBERS, "fields": [*NUMBERS["fields"], {"name": "c", "type": "int"}]}
    )
    value = b"\0\0" + b"\xff" * 40_000

    with pytest.raises(UnreadableError) as caught:
        read_datum(schema, value, 0, len(value))
    assert caught.value.reason == "bad_value"


def test_a_long_datum_within_limits_is_decoded():
    schema = writer_schema(NUMBERS)
    record = {"before": "x" * 2_000_000, "values": [1] * 10_000}
    value = written(NUMBERS, record)

    assert len(value) > schema.harmless_bytes
    assert read_datum(schema, value, 0, len(value)) == record


@pytest.mark.parametrize(
    ("field", "item_bytes"),
    [
        ({"type": "array", "items": "int"}, 1),
        (["null", {"type": "array", "items": POINT}], 2),
        ({"type": "map", "values": "null"}, 1),
        ({"type": "map", "values": "double"}, 9),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 7}}, 7),
    ],
    ids=["ints", "records", "map of nulls", "map of doubles", "fixed"],
)
def test_the_harmless_length_is_that_of_the_shortest_items(field, item_bytes):
    schema = {"type": "record", "name": "A", "fields": [{"name": "f", "type": field}]}

    assert writer_schema(schema).harmless_bytes == 10_001 * item_bytes - 1
