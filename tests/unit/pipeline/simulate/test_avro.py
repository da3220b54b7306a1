import io

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.avro import compiled, zigzag

POINT = {"type": "record", "name": "point", "fields": [{"name": "x", "type": "float"}]}
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "everything",
        "fields": [
            {"name": "whole", "type": "long"},
            {"name": "flag", "type": "boolean"},
            {"name": "exact", "type": "double"},
            {"name": "text", "type": "string"},
            {"name": "content", "type": "bytes"},
            {"name": "small", "type": ["null", "int"]},
            {"name": "points", "type": ["null", {"type": "array", "items": POINT}]},
            {"name": "same", "type": ["null", "point"]},
        ],
    }
)
LONGS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=32, allow_nan=False)
RECORDS = st.fixed_dictionaries(
    {
        "whole": LONGS,
        "flag": st.booleans(),
        "exact": st.floats(allow_nan=False),
        "text": st.text(),
        "content": st.binary(),
        "small": st.none() | st.integers(-(2**31), 2**31 - 1),
        "points": st.none() | st.lists(st.fixed_dictionaries({"x": FLOATS}), max_size=3),
        "same": st.none() | st.fixed_dictionaries({"x": FLOATS}),
    }
)


@given(RECORDS)
def test_a_library_reads_what_was_written(record):
    written = compiled(SCHEMA)(record)

    assert fastavro.schemaless_reader(io.BytesIO(written), SCHEMA) == record


def test_a_field_that_the_record_lacks_is_null():
    record = {"whole": 1, "flag": True, "exact": 0.5, "text": "", "content": b""}

    read = fastavro.schemaless_reader(io.BytesIO(compiled(SCHEMA)(record)), SCHEMA)

    assert (read["small"], read["points"], read["same"]) == (None, None, None)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (-1, "01"),
        (1, "02"),
        (-64, "7f"),
        (64, "8001"),
        (2**63 - 1, "fe" + "ff" * 8 + "01"),
    ],
)
def test_longs_are_encoded_as_the_specification_lists_them(number, encoded):
    assert zigzag(number).hex() == encoded
