import io

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts.batch import Column
from pipeline.alerts.wire import Field, encode_fields, flat_fields, squeeze, text, varint, varints

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


def ours(rows):
    fields = flat_fields(SCHEMA)
    columns = {field.name: column(field.name, rows) for field in fields}
    return squeeze([encode_fields(fields, columns, len(rows))])


def the_librarys(schema, row):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, row)
    return stream.getvalue()


def one(kind, value, valid, *, is_nullable=True):
    columns = {"x": Column(np.array([value]), np.array([valid]))}
    return squeeze([encode_fields([Field("x", kind, is_nullable)], columns, 1)])[0]


@settings(max_examples=30)
@given(st.lists(ROW, min_size=1, max_size=6))
def test_rows_are_the_bytes_that_the_library_writes(rows):
    assert ours(rows) == [the_librarys(SCHEMA, row) for row in rows]


@given(INT64)
def test_a_varint_is_the_librarys(value):
    assert varint(value) == the_librarys("long", value)
    found = varints(np.array([value]))
    assert found.values[found.used].tobytes() == the_librarys("long", value)


@given(st.text(max_size=200))
def test_a_text_is_the_librarys(value):
    assert text(value) == the_librarys("string", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_what_is_not_finite_is_null_where_null_is_allowed(kind, value):
    assert one(kind, value, valid=True) == b"\0"


def test_what_does_not_fit_a_float_is_null():
    assert one("float", 1e300, valid=True) == b"\0"


def test_nan_stays_in_a_plain_float():
    assert one("float", np.nan, valid=False, is_nullable=False) == np.float32(np.nan).tobytes()


def test_a_missing_plain_integer_is_zero():
    assert one("long", 77, valid=False, is_nullable=False) == b"\0"


def test_a_union_of_several_types_is_refused():
    with pytest.raises(ValueError, match="field x"):
        flat_fields({"fields": [{"name": "x", "type": ["string", "null"]}]})
