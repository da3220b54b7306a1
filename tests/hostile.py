"""Bytes that a stranger could send: built here from parts, never copied from a real packet."""

import io
import json
import struct
import zlib
from functools import cache
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa

from broker.avro import container_schema
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.surveys import lsst
from tests.samples import container, framed

Record = dict[str, Any]

SYNC_BYTES = 16
LSST_SCHEMA_ID = 1101
HISTORY = {"ztf": "prv_candidates", "lsst": "prvDiaSources"}
OBJECT = {"ztf": "objectId", "lsst": "target_name"}
"""A string of each survey's record."""


class Poison(NamedTuple):
    """A value that must be refused, and the reasons that may be given for it."""

    value: bytes
    reasons: frozenset[str]


def zigzag(number: int) -> bytes:
    """Return an Avro int or long."""
    number, out = (number << 1) ^ (number >> 63), b""
    while number > 0x7F:
        number, out = number >> 7, out + bytes([number & 0x7F | 0x80])
    return out + bytes([number])


def deflate(body: bytes) -> bytes:
    """Return ``body`` as a container of codec deflate holds it."""
    return zlib.compress(body)[2:-4]


def snappy(body: bytes) -> bytes:
    """Return ``body`` as a container of codec snappy holds it."""
    packed = pa.Codec("snappy").compress(body, asbytes=True)
    return packed + zlib.crc32(body).to_bytes(4, "big")


def good(survey: str, **fields: Any) -> bytes:
    """Return a packet that is as it should be."""
    make = make_ztf_packet if survey == "ztf" else make_lsst_packet
    return make(**{"has_cutouts": False} | fields)


@cache
def schema(survey: str) -> Any:
    """Return the writer schema of ``good``, in fastavro's parsed form."""
    if survey == "ztf":
        return container_schema(good("ztf")).parsed
    return fastavro.parse_schema(lsst.package_schema(LSST_SCHEMA_ID))


def record(survey: str) -> Record:
    """Return the record of ``good``."""
    return fastavro.schemaless_reader(io.BytesIO(body(survey, good(survey))), schema(survey), None)


def packed(survey: str, one: Record) -> bytes:
    """Return ``one`` as a survey sends it."""
    if survey == "ztf":
        return container(schema(survey), one)
    return framed(schema(survey), LSST_SCHEMA_ID, one)


def body(survey: str, value: bytes) -> bytes:
    """Return the datum in a packet."""
    if survey == "lsst":
        return value[5:]
    block = value[value.index(value[-SYNC_BYTES:]) + SYNC_BYTES : -SYNC_BYTES]
    after_size = next(at for at in range(1, len(block)) if block[at] < 0x80) + 1
    return block[after_size:]


def wrapped(survey: str, datum: bytes, codec: str = "null") -> bytes:
    """Return a packet around the bytes of a datum, whatever they are."""
    if survey == "lsst":
        return struct.pack(">bI", 0, LSST_SCHEMA_ID) + datum
    sync = bytes(range(SYNC_BYTES))
    meta = {"avro.schema": json.dumps(_plain(schema(survey))), "avro.codec": codec}
    header = b"Obj\x01" + zigzag(len(meta))
    for name, text in meta.items():
        header += zigzag(len(name)) + name.encode() + zigzag(len(text)) + text.encode()
    return header + b"\0" + sync + zigzag(1) + zigzag(len(datum)) + datum + sync


def with_history(survey: str, raw: bytes) -> bytes:
    """Return a datum whose history is ``raw``: the branch of its union, then anything."""
    one = record(survey)
    none = _written(survey, {**one, HISTORY[survey]: None})
    empty = _written(survey, {**one, HISTORY[survey]: []})
    at = next(i for i in range(len(none)) if none[i] != empty[i])
    return none[:at] + raw + none[at + 1 :]


def smallest_row(survey: str) -> bytes:
    """Return the bytes of a row of the history with every null and every zero it may have."""
    row = record(survey)["candidate" if survey == "ztf" else "diaSource"]
    field = next(f for f in schema(survey)["fields"] if f["name"] == HISTORY[survey])
    items = next(branch for branch in field["type"] if isinstance(branch, dict))["items"]
    if isinstance(items, str):
        items = schema(survey)["__named_schemas"][items]
    smallest = {}
    for one in items["fields"]:
        is_nullable = isinstance(one["type"], list) and "null" in one["type"]
        smallest[one["name"]] = None if is_nullable else type(row[one["name"]])()
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, items, smallest)
    return stream.getvalue()


def with_text(survey: str, raw: bytes) -> bytes:
    """Return a datum with ``raw`` in the place of a string: its length, then anything."""
    marked = _written(survey, {**record(survey), OBJECT[survey]: "MARKED"})
    return marked.replace(zigzag(6) + b"MARKED", raw)


@cache
def poisons(survey: str) -> dict[str, Poison]:
    """Return one packet of each kind that must be refused, by what is wrong with it."""
    found = {
        "no value": _poison(b"", "empty"),
        "one byte": _poison(good(survey)[:1], "truncated"),
        "half a packet": _poison(good(survey)[: len(good(survey)) // 2], "truncated"),
        "JSON": _poison(b'{"alert": 1}', "bad_value"),
        "zeros": _poison(bytes(5000), "bad_value", "unknown_schema"),
    }
    datums = {
        "2^27 rows claimed": (b"\2" + zigzag(2**27), "truncated", "bad_value"),
        "2^62 rows claimed": (b"\2" + zigzag(2**62), "truncated", "bad_value"),
        "-1 rows claimed": (b"\2" + zigzag(-1) + zigzag(9), "truncated", "bad_value"),
        "-2^63 rows claimed": (b"\2" + zigzag(-(2**63)) + zigzag(9), "truncated", "bad_value"),
        "no such branch": (zigzag(7), "bad_value"),
        "endless number": (b"\xff" * 11, "bad_value", "truncated"),
        "10 001 rows": (
            b"\2" + zigzag(10_001) + smallest_row(survey) * 10_001 + b"\0",
            "array_too_long",
        ),
        "blocks of 5 000": (
            b"\2" + (zigzag(5_000) + smallest_row(survey) * 5_000) * 3 + b"\0",
            "array_too_long",
        ),
        "7 MB of rows": (_many_rows(survey, 7_000_000), "array_too_long"),
    }
    for name, (raw, *reasons) in datums.items():
        found[name] = _poison(wrapped(survey, with_history(survey, raw)), *reasons)
    texts = {
        "broken UTF-8": (zigzag(6) + b"ZTF\xff\xfea", "bad_value"),
        "text of -1 bytes": (zigzag(-1), "truncated"),
        "text of 2^62 bytes": (zigzag(2**62), "truncated"),
        "text of -2^63 bytes": (zigzag(-(2**63)), "truncated"),
    }
    for name, (raw, *reasons) in texts.items():
        found[name] = _poison(wrapped(survey, with_text(survey, raw)), *reasons)
    datum = body(survey, good(survey))
    found["a byte too many"] = _poison(wrapped(survey, datum + b"\0"), "bad_value")
    return found | (_containers(datum) if survey == "ztf" else _framings(datum))


def _containers(datum: bytes) -> dict[str, Poison]:
    """Return what can be wrong with a container around a good datum."""
    value = good("ztf")
    nulls = [{"name": "rows", "type": {"type": "array", "items": "null"}}]
    bomb = {"type": "record", "name": "alert", "fields": nulls}
    deep: Any = "long"
    for depth in range(20):
        deep = {"type": "record", "name": f"r{depth}", "fields": [{"name": "x", "type": deep}]}
    nested: Any = 1
    for _ in range(20):
        nested = {"x": nested}
    million = bytes(100_000_000)
    return {
        "two records": _poison(
            container(schema("ztf"), record("ztf"), record("ztf")), "many_records"
        ),
        "no record": _poison(container(schema("ztf")), "empty"),
        "foreign marker": _poison(value[:-SYNC_BYTES] + b"\0" * SYNC_BYTES, "truncated"),
        "array of nulls": _poison(with_schema(bomb, zigzag(2**27) + b"\0"), "schema_not_allowed"),
        "20 deep": _poison(container(deep, nested), "schema_not_allowed"),
        "7 000 fields": _poison(with_schema(_many_fields(7_000), datum), "schema_not_allowed"),
        "1 MB of schema": _poison(
            with_schema({**schema("ztf"), "doc": "x" * 2**20}, datum),
            *("schema_not_allowed", "too_large"),
        ),
        "unknown codec": _poison(wrapped("ztf", datum, "zstandard"), "bad_value"),
        "deflate bomb": _poison(wrapped("ztf", deflate(million), "deflate"), "too_large"),
        "snappy bomb": _poison(wrapped("ztf", snappy(million), "snappy"), "too_large"),
        "snappy that lies": _poison(
            wrapped("ztf", b"\x80\x80\x80\x04" + b"\0" * 40, "snappy"), "bad_value"
        ),
    }


def _framings(datum: bytes) -> dict[str, Poison]:
    """Return what can be wrong with Confluent framing around a good datum."""
    return {
        "other magic": _poison(b"\1" + struct.pack(">I", LSST_SCHEMA_ID) + datum, "bad_value"),
        "unknown id": _poison(struct.pack(">bI", 0, 987_654) + datum, "unknown_schema"),
        "little-endian id": _poison(
            struct.pack("<bI", 0, LSST_SCHEMA_ID) + datum, "unknown_schema"
        ),
        "another version's id": _poison(
            struct.pack(">bI", 0, 702) + datum, "truncated", "bad_value", "unexpected"
        ),
        "no id": _poison(b"\0\0\4", "truncated"),
    }


def _poison(value: bytes, *reasons: str) -> Poison:
    return Poison(value, frozenset(reasons))


@cache
def _many_rows(survey: str, size_bytes: int) -> bytes:
    row = smallest_row(survey)
    count = size_bytes // len(row)
    return b"\2" + zigzag(count) + row * count + b"\0"


def _many_fields(count: int) -> Record:
    """Return a schema almost as long as one may be: 7 000 fields have 237 kB."""
    fields = [{"name": f"f{number}", "type": "int"} for number in range(count)]
    return {"type": "record", "name": "a", "fields": fields}


def with_schema(definition: Any, datum: bytes) -> bytes:
    """Return a container with this schema in its header and ``datum`` as its only record."""
    sync = bytes(SYNC_BYTES)
    text = json.dumps(_plain(definition)).encode()
    header = b"Obj\x01" + zigzag(1) + zigzag(11) + b"avro.schema" + zigzag(len(text)) + text
    return header + b"\0" + sync + zigzag(1) + zigzag(len(datum)) + datum + sync


def _plain(definition: Any) -> Any:
    """Return a parsed schema as its writer would spell it."""
    return {name: part for name, part in definition.items() if not name.startswith("__")}


def _written(survey: str, one: Record) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema(survey), one)
    return stream.getvalue()
