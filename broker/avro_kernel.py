"""The loop over bytes that follows a program of ``broker.avro_program``, compiled once for all.

It trusts nothing in the bytes: every read stays within its datum, every count, length and branch is
looked at before it is followed. What it accepts, fastavro accepts with equal values and an equal
length; what it refuses goes to fastavro, which says why, or takes it.
"""

import numpy as np
from numpy.typing import NDArray

from broker.avro_arrays import MAX_ITEMS
from broker.avro_program import (
    ARRAY,
    ARRAY_END,
    BOOLEAN,
    BOUNDED,
    BYTES,
    DOUBLE,
    END,
    FIXED,
    FLOAT,
    JUMP,
    LONG,
    MAX_DEPTH,
    RECORD,
    STRING,
    UNION,
    WORDS,
)
from broker.compiled import compiled

OK = 0
TRUNCATED = 1
LONG_NUMBER = 2
BAD_LENGTH = 3
BAD_BRANCH = 4
OUT_OF_BOUNDS = 5
NOT_UTF8 = 6
TOO_MANY_ITEMS = 7
LEFT_OVER = 8
GROW = 9
"""No refusal: a table is full."""
REASONS = {
    TRUNCATED: "truncated",
    LONG_NUMBER: "long_number",
    BAD_LENGTH: "bad_length",
    BAD_BRANCH: "bad_branch",
    OUT_OF_BOUNDS: "out_of_bounds",
    NOT_UTF8: "not_utf8",
    TOO_MANY_ITEMS: "too_many_items",
    LEFT_OVER: "left_over",
}
"""Why a datum goes to fastavro."""

NAN_BITS = int(np.array(np.nan).view(np.int64))
_63_BITS = 2**63 - 1

Longs = NDArray[np.int64]


@compiled
def _number(buffer: NDArray[np.uint8], at: np.int64, end: np.int64) -> tuple[np.int64, np.int64]:
    """Return a zigzag number and where the next byte is, or minus the reason why not."""
    if at >= end:
        return np.int64(0), np.int64(-TRUNCATED)
    byte = np.int64(buffer[at])
    at += 1
    number = byte & 0x7F
    if byte < 0x80:  # noqa: PLR2004 the bit that says "more follows"
        return (number >> 1) ^ -(number & 1), at
    for shift in range(7, 64, 7):
        if at >= end:
            return np.int64(0), np.int64(-TRUNCATED)
        byte = np.int64(buffer[at])
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004
            if shift == 63 and byte > 1:  # noqa: PLR2004 beyond 64 bits
                break
            return ((number >> 1) & _63_BITS) ^ -(number & 1), at
    return np.int64(0), np.int64(-LONG_NUMBER)


@compiled
def _is_utf8(buffer: NDArray[np.uint8], at: np.int64, end: np.int64) -> bool:  # noqa: C901 the table's rows
    """Return whether bytes are text, by table 3-7 of the Unicode standard."""
    seen = np.uint8(0)
    for i in range(at, end):
        seen |= buffer[i]
    if seen < 0x80:  # noqa: PLR2004
        return True
    while at < end:
        lead = np.int64(buffer[at])
        more, low, high = 0, 0x80, 0xBF
        if 0xC2 <= lead < 0xE0:  # noqa: PLR2004
            more = 1
        elif 0xE0 <= lead < 0xF0:  # noqa: PLR2004
            more = 2
            low = 0xA0 if lead == 0xE0 else 0x80  # noqa: PLR2004
            high = 0x9F if lead == 0xED else 0xBF  # noqa: PLR2004
        elif 0xF0 <= lead < 0xF5:  # noqa: PLR2004
            more = 3
            low = 0x90 if lead == 0xF0 else 0x80  # noqa: PLR2004
            high = 0x8F if lead == 0xF4 else 0xBF  # noqa: PLR2004
        elif lead >= 0x80:  # noqa: PLR2004
            return False
        if end - at <= more or (more > 0 and not low <= buffer[at + 1] <= high):
            return False
        for i in range(at + 2, at + 1 + more):
            if not 0x80 <= buffer[i] <= 0xBF:  # noqa: PLR2004
                return False
        at += 1 + more
    return True


@compiled
def _float32(buffer: NDArray[np.uint8], at: np.int64) -> np.float64:
    bits = np.int32(0)
    for i in range(4):
        bits |= np.int32(buffer[at + i]) << np.int32(8 * i)
    return np.float64(np.int32(bits).view(np.float32))


@compiled
def _float64_bits(buffer: NDArray[np.uint8], at: np.int64) -> np.int64:
    bits = np.int64(0)
    for i in range(8):
        bits |= np.int64(buffer[at + i]) << np.int64(8 * i)
    return bits


@compiled
def _sized(buffer: NDArray[np.uint8], at: np.int64, end: np.int64) -> tuple[np.int64, np.int64]:
    """Return the length in front of a string and where its bytes begin, or minus the reason."""
    length, at = _number(buffer, at, end)
    if at >= 0:
        if length < 0:
            return np.int64(0), np.int64(-BAD_LENGTH)
        if length > end - at:
            return np.int64(0), np.int64(-TRUNCATED)
    return length, at


@compiled
def _block(buffer: NDArray[np.uint8], at: np.int64, end: np.int64) -> tuple[np.int64, np.int64]:
    """Return how many items a block of an array has and where they begin, or minus the reason."""
    count, at = _number(buffer, at, end)
    if at >= 0 and count < 0:
        count = -count  # the least number stays negative
        _, at = _number(buffer, at, end)
    if at >= 0:
        if count < 0 or count > MAX_ITEMS:
            return np.int64(0), np.int64(-TOO_MANY_ITEMS)
        if count > end - at:  # an item has at least one byte
            return np.int64(0), np.int64(-TRUNCATED)
    return count, at


@compiled
def _blank(slots: Longs, kinds: NDArray[np.uint8], base: np.int64, width: np.int64) -> None:
    for i in range(base, base + width):
        slots[i] = NAN_BITS
        kinds[i] = 0


@compiled
def _one(  # noqa: C901, PLR0911, PLR0912, PLR0915 one loop, for the compiler to see as a whole
    code: Longs,
    tables: Longs,
    buffer: NDArray[np.uint8],
    at: np.int64,
    end: np.int64,
    slots: Longs,
    floats: NDArray[np.float64],
    kinds: NDArray[np.uint8],
    counts: Longs,
    before: Longs,
    stack: Longs,
) -> int | np.int64:
    """Read one datum; see ``decode``. Returns its status."""
    pc = 0
    depth = 0
    table = 0
    body = 0
    left = np.int64(0)
    base = tables[0, 0] + counts[0] * tables[0, 1]
    _blank(slots, kinds, base, tables[0, 1])
    counts[0] += 1
    while True:
        operation = code[pc]
        slot = code[pc + 1]
        null = code[pc + 4]
        if null >= 0:
            if at >= end:
                return TRUNCATED
            branch = np.int64(buffer[at])
            at += 1
            if branch == 2 * null:
                pc = code[pc + 5]
                continue
            if branch != 2 - 2 * null:
                return BAD_BRANCH
        value = np.int64(0)
        if operation == FLOAT:
            if end - at < 4:  # noqa: PLR2004 bytes of a float
                return TRUNCATED
            if slot >= 0:
                floats[base + slot] = _float32(buffer, at)
                kinds[base + slot] = 1
            at += 4
            pc += WORDS
            continue
        if operation == DOUBLE:
            if end - at < 8:  # noqa: PLR2004 bytes of a double
                return TRUNCATED
            value = _float64_bits(buffer, at)
            at += 8
        elif operation == LONG:
            value, at = _number(buffer, at, end)
            if at < 0:
                return -at
        elif operation == STRING:
            length, at = _sized(buffer, at, end)
            if at < 0:
                return -at
            if not _is_utf8(buffer, at, at + length):
                return NOT_UTF8
            value = (at << 32) | length
            at += length
        elif operation == BOOLEAN:
            if at >= end:
                return TRUNCATED
            value = np.int64(buffer[at] != 0)
            at += 1
        elif operation == ARRAY_END:
            if left == 0:
                count, at = _block(buffer, at, end)
                if at < 0:
                    return -at
                if count == 0:
                    depth -= 1
                    slots[stack[depth, 4]] |= counts[table] - stack[depth, 5]
                    table = stack[depth, 0]
                    base = stack[depth, 1]
                    left = stack[depth, 2]
                    body = stack[depth, 3]
                    pc += WORDS
                    continue
                if counts[table] - before[table] + count > MAX_ITEMS:
                    return TOO_MANY_ITEMS
                if counts[table] + count > tables[table, 2]:
                    return GROW
                left = count
            left -= 1
            base = tables[table, 0] + counts[table] * tables[table, 1]
            _blank(slots, kinds, base, tables[table, 1])
            counts[table] += 1
            pc = body
            continue
        elif operation == ARRAY:
            if depth >= MAX_DEPTH:
                return BAD_LENGTH
            child = code[pc + 2]
            slots[base + slot] = counts[child] << 32
            kinds[base + slot] = 1
            stack[depth, 0] = table
            stack[depth, 1] = base
            stack[depth, 2] = left
            stack[depth, 3] = body
            stack[depth, 4] = base + slot
            stack[depth, 5] = counts[child]
            depth += 1
            table = child
            left = np.int64(0)
            body = pc + WORDS
            pc = code[pc + 3]
            continue
        elif operation == BYTES:
            length, at = _sized(buffer, at, end)
            if at < 0:
                return -at
            value = (at << 32) | length
            at += length
        elif operation == FIXED:
            length = code[pc + 2]
            if length > end - at:
                return TRUNCATED
            value = (at << 32) | length
            at += length
        elif operation == BOUNDED:
            value, at = _number(buffer, at, end)
            if at < 0:
                return -at
            if value < code[pc + 2] or value > code[pc + 3]:
                return OUT_OF_BOUNDS
        elif operation == UNION:
            value, at = _number(buffer, at, end)
            if at < 0:
                return -at
            if value < 0 or value >= code[pc + 2]:
                return BAD_BRANCH
            if slot >= 0:
                slots[base + slot] = value
                kinds[base + slot] = 1
            pc = code[pc + WORDS + value]
            continue
        elif operation == JUMP:
            pc = code[pc + 2]
            continue
        elif operation == END:
            return OK if at == end else LEFT_OVER
        elif operation == RECORD:
            value = np.int64(1)
        if slot >= 0:
            slots[base + slot] = value
            kinds[base + slot] = 1
        pc += WORDS


@compiled
def decode(
    code: Longs,
    tables: Longs,
    buffer: NDArray[np.uint8],
    places: Longs,
    slots: Longs,
    floats: NDArray[np.float64],
    kinds: NDArray[np.uint8],
    counts: Longs,
    statuses: NDArray[np.uint8],
    first: int,
) -> int:
    """Read the datums from number ``first`` on; return the first one for which a table is full.

    Parameters
    ----------
    code : int64[words]
        Of a ``Program``.
    tables : int64[tables, 3]
        Of each table: where its rows begin in ``slots``, slots per row, rows that fit.
    buffer : uint8[bytes]
        All datums; shorter than 2 GiB.
    places : int64[n, 2]
        Start and length of each datum in it; both are trusted.
    slots, floats, kinds : int64, float64 (the same memory), uint8
        The rows of all tables. Kind 0 is null, with the bits of NaN; strings and bytes are
        (start << 32) | length in the buffer, arrays (first row << 32) | count in their table.
    counts : int64[tables]
        Rows in use; a datum that is refused leaves none.
    statuses : uint8[n]
        OK or a key of REASONS for each datum.
    """
    before = np.empty_like(counts)
    stack = np.empty((MAX_DEPTH, 6), np.int64)
    for i in range(first, len(places)):
        before[:] = counts
        start = places[i, 0]
        status = _one(
            code,
            tables,
            buffer,
            start,
            start + places[i, 1],
            slots,
            floats,
            kinds,
            counts,
            before,
            stack,
        )
        if status != OK:
            counts[:] = before
        if status == GROW:
            return i
        statuses[i] = status
    return len(places)
