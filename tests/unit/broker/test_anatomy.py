"""Packets are taken apart up to the byte that breaks them, whatever the bytes are."""

import math
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.anatomy import INFLATED, PACKET, Anatomy, dissect, hexdump, leading_values
from broker.avro_walk import MAX_NODES, plain
from pipeline.surveys.lsst import package_schema
from tests import samples
from tests.hostile import wrapped
from tests.samples import container, framed

ROW = {"type": "record", "name": "Row", "fields": [{"name": "t", "type": "string"}]}
SCHEMA = {
    "type": "record",
    "name": "Alert",
    "version": "7.1",
    "fields": [
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {"name": "jd", "type": ["null", "double"]},
        {"name": "rows", "type": {"type": "array", "items": ROW}},
        {"name": "good", "type": "boolean"},
        {"name": "stamp", "type": ["null", "bytes"]},
    ],
}
RECORD = {
    "objectId": "ZTF24aaa",
    "candid": 150,
    "jd": 2460635.75,
    "rows": [{"t": f"row {n}"} for n in range(6)],
    "good": True,
    "stamp": b"\x1f\x8b0123456789abcdefghij",
}
FRAMED = framed(SCHEMA, 7, RECORD)
"""Written out: 5 of framing; 0x10 ZTF24aaa at 5; candid (2 bytes) at 14; jd at 16; rows at 25."""


def texts(found):
    return {node.name: node.text for node in found.root.children}


def paths(found):
    return [(fault.buffer, fault.at, fault.path) for fault in found.faults]


@pytest.mark.parametrize(
    "value",
    [FRAMED, container(SCHEMA, RECORD), container(SCHEMA, RECORD, codec="deflate")],
    ids=["confluent", "container", "deflate"],
)
def test_a_whole_record_reads_to_its_last_byte(value):
    found = dissect(value, SCHEMA)

    assert found.faults == []
    assert texts(found) == {
        "objectId": "ZTF24aaa",
        "candid": "150",
        "jd": "2460635.75",
        "rows": "6 items",
        "good": "true",
        "stamp": "22 bytes of gzip: 1f 8b 30 31 32 33 34 35 36 37 38 39 61 62 63 64 …",
    }
    assert [row.name for row in found.root.children[3].children] == ["[0]", "[1]", "[2]"]


def test_the_framing_of_a_container_is_told():
    found = dict(dissect(container(SCHEMA, RECORD, codec="deflate")).framing)

    assert found["framing"] == "Avro object container"
    assert found["codec"] == "deflate"
    assert found["schema name"] == "Alert, version 7.1"
    assert found["inflated"].endswith(f"to {len(FRAMED) - 5}")


def test_places_are_counted_in_the_packet():
    found = dissect(FRAMED, SCHEMA)

    assert [node.at for node in found.root.children[:4]] == [5, 14, 16, 25]


@pytest.mark.parametrize("end", range(len(FRAMED)))
def test_a_packet_cut_anywhere_shows_what_came_before(end):
    found = dissect(FRAMED[:end], SCHEMA)

    assert found.faults
    assert found.faults[0].at <= end
    shown = texts(found) if found.root else {}
    assert shown.get("objectId", "ZTF24aaa") in ("ZTF24aaa", "")
    assert (shown.get("candid") == "150") is (end >= 16)


def test_a_length_that_reaches_beyond_the_end_is_named_with_its_place():
    value = FRAMED[:5] + b"\xff\x7f" + FRAMED[6:]

    (fault,) = dissect(value, SCHEMA).faults

    assert (fault.at, fault.path) == (5, "objectId")
    assert fault.why == "-8192 bytes are announced" or "length of -8192" in fault.why


def test_a_row_far_down_is_shown_with_the_field_that_broke():
    at = FRAMED.index(b"row 5") - 1
    value = FRAMED[:at] + b"\xfe\x01" + FRAMED[at + 1 :]

    found = dissect(value, SCHEMA)

    assert paths(found) == [(PACKET, at, "rows[5].t")]
    assert [row.name for row in found.root.children[3].children] == ["[0]", "[1]", "[2]", "[5]"]
    assert "127 bytes are announced" in found.faults[0].why


def test_a_branch_that_the_union_does_not_have_stops_it():
    value = FRAMED[:16] + b"\x08" + FRAMED[17:]

    assert paths(dissect(value, SCHEMA)) == [(PACKET, 16, "jd")]


def test_text_that_is_no_utf8_is_noted_and_read_over():
    value = FRAMED[:8] + b"\xff" + FRAMED[9:]

    found = dissect(value, SCHEMA)

    assert paths(found) == [(PACKET, 8, "objectId")]
    assert texts(found)["objectId"] == "ZT\\xff24aaa"
    assert texts(found)["candid"] == "150"


def test_what_follows_the_record_is_named():
    assert paths(dissect(FRAMED + b"abc", SCHEMA)) == [(PACKET, len(FRAMED), "")]


def test_a_compressed_block_is_shown_as_far_as_it_inflates():
    record = RECORD | {"stamp": bytes(range(256)) * 400}
    value = container(SCHEMA, record, codec="deflate")

    found = dissect(value[: len(value) // 2])

    assert texts(found)["objectId"] == "ZTF24aaa"
    assert {fault.buffer for fault in found.faults} == {PACKET, INFLATED}


def test_several_records_show_the_first():
    found = dissect(container(SCHEMA, RECORD, RECORD))

    assert "a block of 2 records" in found.faults[0].why
    assert texts(found)["candid"] == "150"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "no value"),
        (b"{}", "neither"),
        (b"Obj\x02", "does not begin"),
        (b"Obj\x01", "end inside a number"),
        (b"\x00\x00", "no schema id"),
        (b"\x00\x00\x00\x00\x2a\x01", "no schema is known for the id 42"),
        (container(SCHEMA), "without a record"),
    ],
    ids=["empty", "json", "magic", "header", "short", "id", "no record"],
)
def test_what_is_no_packet_says_why(value, why):
    found = dissect(value)

    assert why in found.faults[0].why
    assert found.root is None


def test_names_and_texts_come_out_printable():
    schema = {"type": "record", "name": "A", "fields": [{"name": "a", "type": "string"}]}
    found = dissect(framed(schema, 1, {"a": "\u202eevil\x00\n"}), schema)

    assert texts(found) == {"a": "\\u202eevil\\x00\\n"}
    assert plain("α Orionis") == "α Orionis"


def test_an_array_of_nulls_does_not_hold_it_up():
    items = {"type": "array", "items": "null"}
    schema = {"type": "record", "name": "A", "fields": [{"name": "a", "type": items}]}
    value = b"\x00" + struct.pack(">I", 1) + b"\x80\x80\x80\x08" + b"\x00"

    found = dissect(value, schema, max_values=1000)

    assert "could claim any length" in found.faults[0].why
    assert found.faults[-1].why == "too many values; stopped here"


def test_a_schema_that_holds_itself_does_not_nest_without_end():
    fields = [{"name": "a", "type": ["null", "A"]}]
    schema = {"type": "record", "name": "A", "fields": fields}

    found = dissect(b"\x00\x00\x00\x00\x01" + b"\x02" * 1000, schema)

    assert "nested deeper" in found.faults[-1].why


def test_a_bomb_is_not_inflated():
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(bytes(40 * 2**20)) + packed.flush()
    value = wrapped("ztf", bomb, codec="deflate")
    tracemalloc.start()

    found = dissect(value)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert any("inflates beyond" in fault.why for fault in found.faults)
    assert peak < 50 * 2**20


def test_what_is_kept_is_bounded():
    fields = [{"name": f"f{n}", "type": "int"} for n in range(2 * MAX_NODES)]
    schema = {"type": "record", "name": "Wide", "fields": fields}

    found = dissect(framed(schema, 1, {each["name"]: 1 for each in fields}), schema)

    assert found.faults == []
    assert len(found.root.children) == MAX_NODES


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(value):
    for head in (b"", b"Obj\x01", b"\x00\x00\x00\x00\x01"):
        found = dissect(head + value, SCHEMA)
        assert Anatomy.of_json(found.as_json()) == found


@given(st.data())
def test_no_change_of_a_packet_makes_it_raise(data):
    value = bytearray(data.draw(st.sampled_from([FRAMED, container(SCHEMA, RECORD)])))
    for _ in range(data.draw(st.integers(1, 8))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))

    dissect(bytes(value), SCHEMA)


def test_ids_are_found_in_a_packet_that_breaks_later():
    schema = {
        "type": "record",
        "name": "Packet",
        "fields": [{"name": "candid", "type": "long"}, {"name": "inner", "type": SCHEMA}],
    }
    value = framed(schema, 7, {"candid": 3, "inner": RECORD})[:20]

    assert leading_values(value, schema, ("candid", "objectId", "good")) == {
        "candid": "3",
        "objectId": "ZTF24aaa",
    }


def test_the_dump_shows_the_lines_around_a_byte():
    lines = hexdump(bytes(range(256)), 100)

    assert [line[0] for line in lines] == [f"{at:08x}" for at in range(32, 176, 16)]
    assert lines[2][1:] == ("40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f", "@ABCDEFGHIJKLMNO")


def leaves(node, record):
    """Pair each primitive of a node with what fastavro read there."""
    for child in node.children:
        name = int(child.name[1:-1]) if child.name.startswith("[") else child.name
        value = record[name]
        if isinstance(value, dict | list):
            yield from leaves(child, value)
        else:
            yield child, value


def agrees(node, value):
    if isinstance(value, bytes):
        return node.text.startswith(f"{len(value)} bytes")
    if isinstance(value, float):
        return math.isnan(value) or float(node.text) == value
    if value is None or isinstance(value, bool):
        return node.text == {None: "null", True: "true", False: "false"}[value]
    return node.text == str(value)


@pytest.mark.samples
def test_every_real_packet_reads_as_fastavro_reads_it():
    wanted = [(sample, None) for sample in samples.ztf_originals()[::90]]
    wanted += [(sample, package_schema(1000)) for sample in samples.rubin()[::20]]
    compared = 0
    for sample, schema in wanted:
        found = dissect(sample.value, schema)
        pairs = list(leaves(found.root, sample.record))
        assert found.faults == []
        assert [node.name for node, value in pairs if not agrees(node, value)] == []
        compared += len(pairs)
    assert compared > 1000
