import io

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.plain_records import varints
from pipeline.alerts.wire import flat_fields, text, varint

INT64 = st.integers(-(2**63), 2**63 - 1)


def the_librarys(schema, row):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, row)
    return stream.getvalue()


@given(INT64)
def test_a_varint_is_the_librarys(value):
    assert varint(value) == the_librarys("long", value)
    found = varints(np.array([value]))
    assert found.values[found.used].tobytes() == the_librarys("long", value)


@given(st.text(max_size=200))
def test_a_text_is_the_librarys(value):
    assert text(value) == the_librarys("string", value)


def test_a_union_of_several_types_is_refused():
    with pytest.raises(ValueError, match="field x"):
        flat_fields({"fields": [{"name": "x", "type": ["string", "null"]}]})
