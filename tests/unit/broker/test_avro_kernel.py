"""The kernel: whatever it accepts, fastavro accepts with equal values and an equal length."""

import io
import math
from collections import Counter, defaultdict

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as untimed
from hypothesis import strategies as st

from broker import avro_kernel
from broker.avro_arrays import MAX_ITEMS
from broker.avro_program import NotCompilableError, compile_schema
from broker.avro_schema import SchemaError, writer_schema
from broker.avro_table import decode
from tests import samples
from tests.avro_columns import Draw, compare
from tests.hostile import zigzag

POINT = {
    "type": "record",
    "name": "Point",
    "fields": [
        {"name": "jd", "type": "double"},
        {"name": "mag", "type": ["null", "float"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
ALERT = writer_schema(
    {
        "type": "record",
        "name": "Alert",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "name", "type": ["null", "string"]},
            {"name": "good", "type": "boolean"},
            {"name": "band", "type": {"type": "enum", "name": "Band", "symbols": ["g", "r"]}},
            {"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 3}},
            {"name": "history", "type": ["null", {"type": "array", "items": POINT}]},
            {"name": "other", "type": ["int", "string", "null", "bytes"]},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "best", "type": ["Point", "null"]},
        ],
    }
)
RECORD = {
    "id": 2**63 - 1,
    "name": "ZTF26å",
    "good": True,
    "band": "r",
    "mark": b"abc",
    "history": [
        {"jd": 2461001.123456789, "mag": None, "tags": []},
        {"jd": 2461001.25, "mag": math.nan, "tags": ["x", "Δ"]},
    ],
    "other": b"\xff",
    "at": 1_700_000_000_000_001,
    "best": {"jd": 0.5, "mag": 18.25, "tags": ["y"]},
}


def written(schema, record):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema.parsed, record)
    return stream.getvalue()


DATUM = written(ALERT, RECORD)


def longs(items="long"):
    array = {"type": "array", "items": items}
    return writer_schema({"type": "record", "name": "R", "fields": [{"name": "f", "type": array}]})


@pytest.fixture
def plain(monkeypatch):
    """Run the kernel in Python, where a read outside of the buffer raises."""
    for name in ("_number", "_is_utf8", "_float32", "_float64_bits", "_sized", "_block", "_blank"):
        monkeypatch.setattr(avro_kernel, name, getattr(avro_kernel, name).plain)
    monkeypatch.setattr(avro_kernel, "_one", avro_kernel._one.plain)
    monkeypatch.setattr(avro_kernel, "decode", avro_kernel.decode.plain)
    with np.errstate(over="ignore"):
        yield


def test_every_type_comes_back_as_fastavro_reads_it():
    decoded = compare(ALERT, [DATUM, DATUM])

    assert decoded.accepted.tolist() == [0, 1]
    assert decoded.refused == {}
    assert decoded.table.column("id").bits.tolist() == 2 * [2**63 - 1]
    tags = decoded.table.child("history").child("tags")
    assert tags.parent.tolist() == [1, 1, 3, 3]
    assert tags.column("").texts() == ["x", "Δ", "x", "Δ"]


def test_null_is_not_nan_and_an_empty_array_is_neither_null_nor_missing():
    nothing = written(ALERT, RECORD | {"history": None, "best": None, "name": None})
    empty = written(ALERT, RECORD | {"history": []})
    table = decode(compile_schema(ALERT.parsed), [DATUM, nothing, empty]).table

    mag = table.child("history").column("mag")
    assert mag.is_there.tolist() == [False, True]
    assert np.isnan(mag.floats).tolist() == [True, True]
    assert table.column("history").is_there.tolist() == [True, False, True]
    assert table.child("history").parent.tolist() == [0, 0]
    assert table.column("best").is_there.tolist() == [True, False, True]
    assert table.column("best.jd").is_there.tolist() == [True, False, True]
    assert (table.column("missing"), table.child("missing"), table.child("name")) == 3 * (None,)


def test_what_is_not_wanted_is_checked_and_not_kept():
    program = compile_schema(ALERT.parsed, {"id", "history.jd"})
    broken = DATUM.replace("Δ".encode(), b"\xce\xce")
    decoded = decode(program, [broken, DATUM])

    assert decoded.refused == {0: "not_utf8"}
    assert decoded.table.child("history").column("jd").floats.tolist() == [
        2461001.123456789,
        2461001.25,
    ]
    assert [layout.width for layout in program.layouts] == [3, 2, 0, 0]
    with pytest.raises(KeyError, match="name was not wanted"):
        decoded.table.column("name")


@pytest.mark.parametrize("way", ["compiled", "plain"])
def test_a_datum_that_ends_at_any_byte_is_refused_and_its_neighbours_are_not(way, request):
    if way == "plain":
        request.getfixturevalue("plain")
    for end in range(len(DATUM)):
        decoded = compare(ALERT, [DATUM, DATUM[:end], DATUM])
        assert decoded.accepted.tolist() == [0, 2]
        assert len(decoded.table.child("history")) == 4
    for end in range(len(DATUM) if way == "plain" else 0):
        assert compare(ALERT, [DATUM[:end]]).refused  # nothing lies behind it that could be read


def test_any_byte_may_be_wrong():
    spoiled = [
        DATUM[:at] + bytes([byte]) + DATUM[at + 1 :]
        for at in range(len(DATUM))
        for byte in (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFE, 0xFF, DATUM[at] ^ 0x10)
    ]
    refused = Counter(compare(ALERT, spoiled).refused.values())

    assert set(refused) >= set(avro_kernel.REASONS.values()) - {"too_many_items"}


def test_a_wrong_byte_is_never_followed_out_of_the_buffer(plain):
    for at in range(len(DATUM)):
        for byte in (1, 0x7F, 0xFF):
            decode(compile_schema(ALERT.parsed), [DATUM[:at] + bytes([byte]) + DATUM[at + 1 :]])


@pytest.mark.parametrize(
    ("datum", "reason"),
    [
        (zigzag(2**27) + b"\0\0\0", "too_many_items"),
        (zigzag(-(2**63)) + b"\0\0", "too_many_items"),
        (zigzag(MAX_ITEMS) + b"\0\0\0", "truncated"),
        (zigzag(MAX_ITEMS) + MAX_ITEMS * b"\0" + zigzag(1) + b"\0\0", "too_many_items"),
        (b"\x02" + 9 * b"\x80" + b"\x02\0", "long_number"),
        (b"\x02" + 11 * b"\x80" + b"\0\0", "long_number"),
        (b"\x02\x02\0\0", "left_over"),
        (b"", "truncated"),
    ],
)
def test_counts_and_numbers_are_looked_at_before_they_are_followed(datum, reason):
    assert compare(longs(), [datum, b"\0"]).refused == {0: reason}


@pytest.mark.parametrize("length", [-1, -(2**63), 2**62, 2**63 - 1, 2])
def test_a_length_stays_within_the_datum(length):
    for kind in ("bytes", "string"):
        datum = b"\x02" + zigzag(length) + b"x"
        reasons = compare(longs(kind), [datum, datum]).refused.values()
        assert set(reasons) == {"bad_length" if length < 0 else "truncated"}


@pytest.mark.parametrize(
    "text",
    [b"\x80", b"\xc0\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80",
     b"\xf5\x80\x80\x80", b"\xce", b"\xe2\x82", b"\xe2\x82\x28", b"a\xff"],
)  # fmt: skip
def test_broken_text_is_refused(text):
    datum = b"\x02" + zigzag(len(text)) + text + b"\0"

    assert compare(longs("string"), [datum]).refused == {0: "not_utf8"}


def test_text_is_judged_as_python_does():
    draw = Draw(1).random
    texts = [draw.randbytes(draw.randint(1, 4)) for _ in range(2000)]
    texts += [chr(point).encode() + b"x" for point in (0x80, 0x7FF, 0x800, 0xFFFF, 0x10FFFF)]
    datums = [b"\x02" + zigzag(len(text)) + text + b"\0" for text in texts]
    decoded = compare(longs("string"), datums)

    for number, text in enumerate(texts):
        assert (text.decode(errors="replace").encode() == text) == (number not in decoded.refused)


def test_tables_grow_while_they_fill():
    program = compile_schema(longs().parsed)
    datums = [zigzag(n) + n * b"\x02" + b"\0" if n else b"\0" for n in (0, 9_000, 3, 10_000, 1)]
    table = decode(program, datums).table

    assert np.bincount(table.child("f").parent, minlength=5).tolist() == [0, 9_000, 3, 10_000, 1]
    assert (table.child("f").column("").bits == 1).all()
    # What one range needed is no reason to ask for gigabytes in the next.
    assert program.rows_per_packet.max() <= 200


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ({"type": "map", "values": "int"}, "f is a map"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4}, "bytes-decimal"),
        ({"type": "fixed", "name": "F", "size": -1}, "-1 bytes"),
    ],
)
def test_what_no_program_follows_is_not_compilable(kind, why):
    schema = {"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}

    with pytest.raises(NotCompilableError, match=why):
        compile_schema(fastavro.parse_schema(schema))


@pytest.mark.parametrize("arrays", [13, 20])
def test_nesting_ends_somewhere(arrays):
    kind = "int"
    for _ in range(arrays):
        kind = {"type": "array", "items": kind}
    schema = longs(kind)
    datum = (arrays + 1) * b"\x02" + (arrays + 2) * b"\0"
    if arrays > 14:
        with pytest.raises(NotCompilableError, match="nested"):
            compile_schema(schema.parsed)
    else:
        assert not compare(schema, [datum]).refused


def test_records_within_records_cannot_ask_for_any_number_of_values():
    fields = [{"name": f"f{i}", "type": "int"} for i in range(10)]
    inner = {"type": "record", "name": "R0", "fields": fields}
    for depth in range(1, 6):
        others = [{"name": f"f{i}", "type": f"R{depth - 1}"} for i in range(1, 10)]
        inner = {
            "type": "record",
            "name": f"R{depth}",
            "fields": [{"name": "f0", "type": inner}, *others],
        }

    with pytest.raises(NotCompilableError, match="more than"):
        compile_schema(writer_schema(inner).parsed)


@untimed(max_examples=150)
@given(st.integers(0, 2**32))
def test_any_schema_and_any_bytes_of_it(seed):
    draw = Draw(seed)
    try:
        schema = writer_schema(draw.record())
    except SchemaError:  # an array of records without bytes
        return
    datums = [draw.datum(schema.parsed) for _ in range(3)]
    decoded = compare(schema, datums)
    assert decoded.refused == {}

    spoiled = []
    for datum in datums:
        for _ in range(4):
            wrong = bytearray(datum or b"\0")
            wrong[draw.random.randrange(len(wrong))] = draw.random.randrange(256)
            spoiled.append(bytes(wrong))
    compare(schema, spoiled)


@pytest.mark.samples
@pytest.mark.parametrize(
    ("packets", "count"),
    [
        (samples.ztf_originals, 448),
        (samples.ztf_rewritten, 384),
        (samples.rubin, 45),
        (samples.legacy, 10),
        (samples.winter, 11),
    ],
    ids=["originals", "rewritten", "rubin", "legacy", "winter"],
)
def test_every_real_packet_comes_back_as_fastavro_reads_it(packets, count):
    found = defaultdict(list)
    for sample in packets():
        schema, datum = samples.split(sample)
        found[schema].append(datum)

    decoded = [compare(schema, datums) for schema, datums in found.items()]

    assert [one.refused for one in decoded] == [{} for _ in found]
    assert sum(len(one.accepted) for one in decoded) == count
