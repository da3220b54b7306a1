"""Flat records, compiled and in NumPy: both are what the library writes."""

import io

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import encode, plain_records
from pipeline.alerts.batch import Column
from pipeline.alerts.flat_records import Plan
from pipeline.alerts.wire import Field, flat_fields

INT64 = st.integers(-(2**63), 2**63 - 1)
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "d", "type": "double"},
            {"name": "name", "type": ["null", "string"]},
            {"name": "df", "type": ["null", "double"]},
            {"name": "f", "type": "float"},
            {"name": "ff", "type": ["null", "float"]},
            {"name": "i", "type": "int"},
            {"name": "l", "type": ["null", "long"]},
            {"name": "flag", "type": "boolean"},
            {"name": "word", "type": "string"},
            {"name": "maybe", "type": ["null", "boolean"]},
            {
                "name": "band",
                "type": ["null", {"type": "enum", "name": "Band", "symbols": ["g", "r", "i"]}],
            },
            {"name": "second", "type": "Band"},
        ],
    }
)
FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROW = st.fixed_dictionaries(
    {
        "d": st.floats(allow_nan=False),
        "name": st.none() | st.text(max_size=80),
        "df": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "f": FINITE32 | st.just(float("nan")),
        "ff": st.none() | FINITE32,
        "i": st.integers(-(2**31), 2**31 - 1),
        "l": st.none() | INT64,
        "flag": st.booleans(),
        "word": st.text(max_size=5),
        "maybe": st.none() | st.booleans(),
        "band": st.none() | st.sampled_from(["g", "r", "i"]),
        "second": st.sampled_from(["g", "r", "i"]),
    }
)


def column(name, rows):
    values = [row[name] for row in rows]
    valid = np.array([v is not None for v in values], bool)
    if name in {"name", "word"}:
        found = np.empty(len(values), object)
        found[:] = values
        return Column(found, valid)
    if name in {"band", "second"}:
        values = [None if v is None else ["g", "r", "i"].index(v) for v in values]
    if name in {"d", "df", "f", "ff"}:
        return Column(np.array([np.nan if v is None else v for v in values], float), valid)
    return Column(np.array([0 if v is None else v for v in values]), valid)


def compiled(fields, columns, size):
    assert encode.compiler.works()
    return Plan(fields).write(columns, size)


FORMS = pytest.mark.parametrize("write", [compiled, plain_records.write])


def ours(write, rows):
    fields = flat_fields(SCHEMA)
    columns = {field.name: column(field.name, rows) for field in fields}
    return write(fields, columns, len(rows))


def the_librarys(schema, row):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, row)
    return stream.getvalue()


def one(write, kind, value, valid, *, is_nullable=True):
    columns = {"x": Column(np.array([value]), np.array([valid]))}
    return write([Field("x", kind, is_nullable)], columns, 1)[0]


@FORMS
@settings(max_examples=30)
@given(st.lists(ROW, min_size=1, max_size=6))
def test_rows_are_the_bytes_that_the_library_writes(write, rows):
    assert ours(write, rows) == [the_librarys(SCHEMA, row) for row in rows]


@FORMS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_what_is_not_finite_is_null_where_null_is_allowed(write, kind, value):
    assert one(write, kind, value, valid=True) == b"\0"


@FORMS
def test_what_does_not_fit_a_float_is_null(write):
    assert one(write, "float", 1e300, valid=True) == b"\0"


@FORMS
def test_nan_stays_in_a_plain_float(write):
    assert (
        one(write, "float", np.nan, valid=False, is_nullable=False) == np.float32(np.nan).tobytes()
    )


@FORMS
def test_a_missing_plain_integer_is_zero(write):
    assert one(write, "long", 77, valid=False, is_nullable=False) == b"\0"
