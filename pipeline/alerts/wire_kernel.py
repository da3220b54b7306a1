"""The compiled loops that write Avro: records of a batch, and its whole messages.

``records`` and ``messages`` call them. They stand in one file because a compiled function and all
that it calls must.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.compiled import compiled
from pipeline.alerts.wire import BRANCH_VALUE

CONSTANT, DOUBLE, FLOAT, VARINT, BOOLEAN, TEXT, STATS = range(7)
"""What a row of a program writes; CONSTANT is one byte, STATS the features of all bands."""
PROGRAM_WIDTH = 4

BRANCH, COPY, LONG = range(3)
"""What a row of a features program does with one packed element: go on only if it is given, copy
its bytes, write its integer as a varint."""

SERIES = 3
LIMITS, FORCED = 1, 2
"""Of a message's six series of points: three of its own object, in the order of ``batch.SERIES``,
then three of the matched one."""
HAS_FLUX_AT = 8
FLUX_AT, FLUX_END = 9, 17
"""Bytes of a packed forced point; a null flux leaves its eight out."""
PIECES = 4
NAME, CANDIDATE, PROPERTIES, MATCH_NAME = range(PIECES)
"""The byte strings of a message, in the order in which they are given."""
POSITION_BYTES = 16
SYNC_BYTES = 16

DOUBLE_BYTES, FLOAT_BYTES = 8, 4
_DOUBLE_EXPONENT = np.uint64(0x7FF0000000000000)
_FLOAT_EXPONENT = np.uint32(0x7F800000)
_SEVEN_BITS = np.uint64(0x7F)
_GOES_ON = np.uint64(0x80)
_SHIFT = np.uint64(7)

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


@compiled
def put_varint(value: int | np.int64, out: Bytes, at: int) -> int:
    """Write a zigzag varint; return where the next byte goes."""
    rest = np.uint64((value << 1) ^ (value >> 63))
    while rest > _SEVEN_BITS:
        out[at] = np.uint8((rest & _SEVEN_BITS) | _GOES_ON)
        rest >>= _SHIFT
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@compiled
def put_run(source: Bytes, first: int, last: int, out: Bytes, at: int) -> int:
    """Copy the bytes [first, last) of ``source``."""
    for place in range(first, last):
        out[at] = source[place]
        at += 1
    return at


@compiled
def put_little_endian(bits: Any, count: int, out: Bytes, at: int) -> int:
    """Write the lowest ``count`` bytes of an unsigned number."""
    for place in range(count):
        out[at + place] = np.uint8((np.uint64(bits) >> np.uint64(8 * place)) & np.uint64(0xFF))
    return at + count


@compiled
def put_stats(program: Integers, element: Bytes, out: Bytes, at: int) -> int:
    """Write one packed element of features by its program (op, offset, bytes or row to skip to)."""
    row = 0
    while row < len(program):
        op, offset, operand = program[row, 0], program[row, 1], program[row, 2]
        row += 1
        if op == BRANCH:
            if element[offset] == 0:
                out[at] = 0
                row = operand
            else:
                out[at] = BRANCH_VALUE
            at += 1
        elif op == COPY:
            at = put_run(element, offset, offset + operand, out, at)
        else:
            value = np.int64(0)
            for place in range(operand):
                value |= np.int64(element[offset + place]) << np.int64(8 * place)
            at = put_varint(value, out, at)
    return at


@compiled
def put_records(  # noqa: C901, PLR0912 one loop, no calls that Numba would not inline
    program: Integers,
    doubles: NDArray[np.uint64],
    floats: NDArray[np.uint32],
    integers: Integers,
    valid: NDArray[np.bool_],
    texts: Bytes,
    text_ends: Integers,
    stats_program: Integers,
    stats: tuple[Bytes, Bytes],
    out: Bytes,
    ends: Integers,
) -> None:
    """Write all records one after the other.

    Parameters
    ----------
    program : int64[fields, 4]
        What to write (CONSTANT …), its row in that kind's table, its row in ``valid``, and whether
        it may be null.
    doubles, floats, integers : uint64[:, n], uint32[:, n], int64[:, n]
        Values; of floating-point numbers their bits.
    valid : bool[:, n]
        Whether a value is one.
    texts, text_ends : uint8[:], int64[texts * n + 1]
        UTF-8 of all texts, text column by text column, and where each ends behind a first 0.
    stats_program : int64[:, 3]
        Of one element of ``stats``.
    stats : pair of uint8[n, bands, bytes]
        Packed features.
    out, ends : uint8[:], int64[n]
        Filled: the records, and where each ends.
    """
    size = len(ends)
    at = 0
    for i in range(size):
        for field in range(len(program)):
            op, source = program[field, 0], program[field, 1]
            if op == CONSTANT:
                out[at] = source
                at += 1
                continue
            if op == STATS:
                bands = stats[source][i]
                for band in range(len(bands)):
                    at = put_stats(stats_program, bands[band], out, at)
                continue
            is_given = valid[program[field, 2], i]
            if op == DOUBLE:
                is_given &= (doubles[source, i] & _DOUBLE_EXPONENT) != _DOUBLE_EXPONENT
            elif op == FLOAT:
                is_given &= (floats[source, i] & _FLOAT_EXPONENT) != _FLOAT_EXPONENT
            if program[field, 3]:
                out[at] = BRANCH_VALUE if is_given else 0
                at += 1
                if not is_given:
                    continue
            if op == DOUBLE:
                at = put_little_endian(doubles[source, i], DOUBLE_BYTES, out, at)
            elif op == FLOAT:
                at = put_little_endian(floats[source, i], FLOAT_BYTES, out, at)
            elif op == VARINT:
                at = put_varint(integers[source, i] if is_given else 0, out, at)
            elif op == BOOLEAN:
                out[at] = np.uint8(integers[source, i])
                at += 1
            else:
                first, last = text_ends[source * size + i], text_ends[source * size + i + 1]
                at = put_varint(last - first, out, at)
                at = put_run(texts, first, last, out, at)
        ends[i] = at


@compiled
def varint_size(value: int) -> int:
    """Return how many bytes a zigzag varint takes."""
    rest = np.uint64((value << 1) ^ (value >> 63))
    size = 1
    while rest > _SEVEN_BITS:
        rest >>= _SHIFT
        size += 1
    return size


@compiled
def point_size(series: int, item: int, rows: Bytes, point: int) -> int:
    """Return how many bytes a point takes on the wire; a null flux takes none."""
    if series % SERIES == FORCED and rows[point * item + HAS_FLUX_AT] == 0:
        return item - (FLUX_END - FLUX_AT)
    return item


@compiled
def points_size(series: int, item: int, rows: Bytes, first: int, last: int) -> int:
    """Return how many bytes an array of points takes on the wire."""
    if first == last:
        return 1
    size = varint_size(last - first) + 1 + (last - first) * item
    if series % SERIES == FORCED:
        for point in range(first, last):
            size -= item - point_size(series, item, rows, point)
    return size


@compiled
def put_points(
    series: int, item: int, rows: Bytes, first: int, last: int, out: Bytes, at: int
) -> int:
    """Write an array of points; an empty one is a single 0."""
    if first < last:
        at = put_varint(last - first, out, at)
        if series % SERIES == FORCED:
            for point in range(first, last):
                start = point * item
                if rows[start + HAS_FLUX_AT] == 0:
                    at = put_run(rows, start, start + FLUX_AT, out, at)
                    at = put_run(rows, start + FLUX_END, start + item, out, at)
                else:
                    at = put_run(rows, start, start + item, out, at)
        else:
            at = put_run(rows, first * item, last * item, out, at)
    out[at] = 0
    return at + 1


@compiled
def datum_size(
    candid: int,
    piece_ends: Integers,
    match_survey: int,
    items: Integers,
    rows: tuple[Bytes, ...],
    firsts: Integers,
    lasts: Integers,
) -> int:
    """Return how many bytes a message's record takes."""
    name = int(piece_ends[NAME + 1] - piece_ends[NAME])
    match_name = int(piece_ends[MATCH_NAME + 1] - piece_ends[MATCH_NAME])
    size = varint_size(candid) + varint_size(name) + int(piece_ends[PIECES] - piece_ends[0])
    size += 2  # a branch byte for each survey's match
    if match_survey >= 0:
        size += varint_size(match_name) + POSITION_BYTES
    for series in range(2 * SERIES if match_survey >= 0 else SERIES):
        if items[series]:
            size += points_size(series, items[series], rows[series], firsts[series], lasts[series])
    return size


@compiled
def fit_messages(
    candid: Integers,
    piece_ends: Integers,
    match_survey: Integers,
    items: Integers,
    rows: tuple[Bytes, ...],
    firsts: Integers,
    lasts: Integers,
    frame_bytes: int,
    max_bytes: int,
    sizes: Integers,
    is_truncated: NDArray[np.bool_],
) -> None:
    """Measure the records of all messages, and leave out the oldest points of those too large.

    Parameters
    ----------
    candid : int64[n]
        Ids.
    piece_ends : int64[PIECES * n + 1]
        Where each byte string of each message ends, behind a first 0.
    match_survey : int64[n]
        Position of the match in ``survey_matches``, −1 none.
    items : int64[2 * SERIES]
        Bytes of a packed point, 0 for a series that these messages do not have.
    rows : tuple of uint8[:]
        Packed points of all objects, by series.
    firsts, lasts : int64[n, 2 * SERIES]
        Which points belong to each message; ``firsts`` moves on where points are left out.
    frame_bytes, max_bytes : int
        Of a message around record and its length; of the largest message wanted.
    sizes, is_truncated : int64[n], bool[n]
        Filled.
    """
    for i in range(len(candid)):
        pieces = piece_ends[i * PIECES : (i + 1) * PIECES + 1]
        size = datum_size(candid[i], pieces, match_survey[i], items, rows, firsts[i], lasts[i])
        excess = frame_bytes + varint_size(size) + size - max_bytes
        is_truncated[i] = excess > 0
        if excess > 0:
            for series in (FORCED, SERIES + FORCED, LIMITS, SERIES + LIMITS):
                is_here = series < SERIES or match_survey[i] >= 0
                while is_here and excess > 0 and firsts[i, series] < lasts[i, series]:
                    excess -= point_size(series, items[series], rows[series], firsts[i, series])
                    firsts[i, series] += 1
            size = datum_size(candid[i], pieces, match_survey[i], items, rows, firsts[i], lasts[i])
        sizes[i] = size


@compiled
def put_messages(
    candid: Integers,
    pieces: Bytes,
    piece_ends: Integers,
    match_survey: Integers,
    match_places: Bytes,
    items: Integers,
    rows: tuple[Bytes, ...],
    firsts: Integers,
    lasts: Integers,
    sizes: Integers,
    sync: Bytes,
    out: Bytes,
    ends: Integers,
) -> None:
    """Write the messages that ``fit_messages`` measured, from behind their headers on.

    Parameters
    ----------
    pieces : uint8[:]
        The byte strings of all messages.
    match_places : uint8[n, 16]
        Right ascension and declination of the matches as doubles.
    sync : uint8[16]
        Ends each message.
    out, ends : uint8[:], int64[n]
        Filled: the messages, and where each ends. The other parameters are those of
        ``fit_messages``.
    """
    at = 0
    for i in range(len(candid)):
        of = piece_ends[i * PIECES : (i + 1) * PIECES + 1]
        at = put_varint(1, out, at)  # records in the container's block
        at = put_varint(sizes[i], out, at)
        at = put_varint(candid[i], out, at)
        at = put_varint(of[NAME + 1] - of[NAME], out, at)
        at = put_run(pieces, of[NAME], of[CANDIDATE + 1], out, at)
        for series in range(SERIES):
            if items[series]:
                first, last = firsts[i, series], lasts[i, series]
                at = put_points(series, items[series], rows[series], first, last, out, at)
        at = put_run(pieces, of[PROPERTIES], of[PROPERTIES + 1], out, at)
        for survey in range(2):
            if match_survey[i] != survey:
                out[at] = 0
                at += 1
                continue
            out[at] = BRANCH_VALUE
            at = put_varint(of[MATCH_NAME + 1] - of[MATCH_NAME], out, at + 1)
            at = put_run(pieces, of[MATCH_NAME], of[MATCH_NAME + 1], out, at)
            at = put_run(match_places[i], 0, POSITION_BYTES, out, at)
            for series in range(SERIES, 2 * SERIES):
                first, last = firsts[i, series], lasts[i, series]
                at = put_points(series, items[series], rows[series], first, last, out, at)
        at = put_run(sync, 0, SYNC_BYTES, out, at)
        ends[i] = at
