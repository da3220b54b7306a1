import struct

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalogs.packing import HEADER, TRAILER, pack

TYPES = ("double", "real", "bigint", "boolean", "text")
ARROW = (pa.float64(), pa.float32(), pa.int64(), pa.bool_(), pa.string())
STRUCT = {"double": "!d", "real": "!f", "bigint": "!q", "boolean": "!?"}

ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(allow_nan=False),
        st.none() | st.floats(allow_nan=False, width=32),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    max_size=30,
)


def _table(rows):
    columns = zip(*rows, strict=True) if rows else ([] for _ in TYPES)
    arrays = [pa.array(list(c), a) for c, a in zip(columns, ARROW, strict=True)]
    return pa.table(arrays, names=list(TYPES))


def _field(value, kind):
    if value is None:
        return struct.pack("!i", -1)
    body = value.encode() if kind == "text" else struct.pack(STRUCT[kind], value)
    return struct.pack("!i", len(body)) + body


def _by_hand(rows):
    return b"".join(
        struct.pack("!h", len(TYPES))
        + b"".join(_field(value, kind) for value, kind in zip(row, TYPES, strict=True))
        for row in rows
    )


@given(ROWS)
def test_rows_are_packed_as_the_manual_of_copy_says(rows):
    assert b"".join(pack(_table(rows), TYPES)) == _by_hand(rows)


@given(ROWS, st.integers(0, 10))
def test_a_slice_packs_as_its_rows(rows, start):
    assert b"".join(pack(_table(rows).slice(start), TYPES)) == _by_hand(rows[start:])


def test_long_text_is_packed_in_small_blocks():
    rows = [(0.0, 0.0, 1, True, "x" * 100_000)] * 100

    blocks = list(pack(_table(rows), TYPES))

    assert len(blocks) > 1
    assert b"".join(blocks) == _by_hand(rows)


def test_header_and_trailer_are_those_of_the_manual():
    assert b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0) == HEADER
    assert struct.pack("!h", -1) == TRAILER
