"""JSON in and out."""

import io
import json
import math
import uuid
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from broker.rest_json import DEEPEST, FormParser, JSONParser, read, write


def parse(raw):
    return JSONParser().parse(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"[Infinity]", "Infinity is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"[1e999]", "1e999 is too large"),
        (b"[-1e999]", "-1e999 is too large"),
        (b"[" + b"9" * 5000 + b"]", "malformed JSON"),
        (b"\xff\xfe{}", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'["\\u0000"]', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'["\\ud800"]', "surrogate"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "deeper than 32"),
        (b"[" * 100_000, "deeper than 32|Expecting value"),
        (b'{"a":' * 100_000, "deeper than 32|Expecting value"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else "",
)
def test_what_is_no_json_is_refused(raw, why):
    with pytest.raises(ParseError, match=why):
        parse(raw)


def test_a_deep_body_is_read_as_deep_as_is_allowed():
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST)


def test_integers_keep_all_their_digits():
    assert parse(b"[9007199254740993]") == [2**53 + 1]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    try:
        found = parse(raw)
    except ParseError:
        return
    assert json.loads(write(found)) == found


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("aé☃", max_size=5),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab"), below),
        max_leaves=10,
    )
)
def test_what_is_written_is_json_that_is_read_again(value):
    assert write(read(write(value).decode())) == write(value)


def test_what_is_not_finite_becomes_null():
    found = write({"a": [math.nan, math.inf, 1.5], "b": (-math.inf,), "c": np.array([np.nan, 2.0])})

    assert json.loads(found) == {"a": [None, None, 1.5], "b": [None], "c": [None, 2.0]}


def test_times_ids_and_numpy_numbers_are_written():
    found = write([datetime(2026, 1, 2, tzinfo=UTC), uuid.UUID(int=5), np.int64(2**53 + 1)])

    assert json.loads(found) == [
        "2026-01-02T00:00:00Z",
        "00000000-0000-0000-0000-000000000005",
        2**53 + 1,
    ]


def test_a_form_with_nul_is_refused():
    with pytest.raises(ParseError, match="NUL"):
        FormParser().parse(io.BytesIO(b"email=a%00b"), parser_context={})
