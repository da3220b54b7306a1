"""The compiled loops that merge packed light curves and compare them; ``curves`` calls them."""

import numpy as np
from numpy.typing import NDArray

from broker.compiled import compiled

SAME, APPENDED, REWRITTEN = range(3)
"""What became of a curve: nothing, points behind the stored ones, another curve."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled
def is_before(a: int, b: int, jd: Floats, band: Bytes, raw: Bytes) -> bool:
    """Return whether point ``a`` comes before ``b``: by time, band and packed bytes."""
    if jd[a] != jd[b]:
        return bool(jd[a] < jd[b])
    if band[a] != band[b]:
        return bool(band[a] < band[b])
    for place in range(raw.shape[1]):
        if raw[a, place] != raw[b, place]:
            return bool(raw[a, place] < raw[b, place])
    return False


@compiled
def run_end(order: Integers, first: int, last: int, jd: Floats, band: Bytes, raw: Bytes) -> int:
    """Return where the points stop being in order; they do so rarely."""
    end = min(first + 1, last)
    while end < last and not is_before(order[end], order[end - 1], jd, band, raw):
        end += 1
    return end


@compiled
def sort_points(
    order: Integers, spare: Integers, first: int, last: int, jd: Floats, band: Bytes, raw: Bytes
) -> None:
    """Sort the points [first, last) of ``order`` by merging the runs that are in order already."""
    while run_end(order, first, last, jd, band, raw) < last:
        begin = first
        while begin < last:
            middle = run_end(order, begin, last, jd, band, raw)
            end = run_end(order, middle, last, jd, band, raw)
            left, right = begin, middle
            for place in range(begin, end):
                is_right = left == middle or (
                    right < end and is_before(order[right], order[left], jd, band, raw)
                )
                if is_right:
                    spare[place] = order[right]
                    right += 1
                else:
                    spare[place] = order[left]
                    left += 1
            begin = end
        order[first:last] = spare[first:last]


@compiled
def merged_order(
    owner: Integers, owners: int, jd: Floats, band: Bytes, raw: Bytes, order: Integers
) -> int:
    """Find the points that stay: sorted by owner, time and band, the lowest bytes of each.

    Parameters
    ----------
    owner : int64[n]
        Whose point it is, from 0 to ``owners`` − 1.
    owners : int
        How many there are.
    jd, band : float64[n], uint8[n]
        Of the points.
    raw : uint8[n, bytes]
        The points.
    order : int64[n]
        Filled from its beginning with the positions of the points that stay.

    Returns
    -------
    int
        How many stay.
    """
    ends = np.zeros(owners + 1, np.int64)
    for i in range(len(owner)):
        ends[owner[i] + 1] += 1
    for i in range(owners):
        ends[i + 1] += ends[i]
    at = ends[:-1].copy()
    for i in range(len(owner)):
        order[at[owner[i]]] = i
        at[owner[i]] += 1
    spare = np.empty_like(order)
    kept = 0
    for i in range(owners):
        sort_points(order, spare, ends[i], ends[i + 1], jd, band, raw)
        last = -1
        for place in range(ends[i], ends[i + 1]):
            point = order[place]
            if last < 0 or jd[point] != jd[last] or band[point] != band[last]:
                order[kept] = point
                kept += 1
                last = point
    return kept


@compiled
def compare_curves(
    old: Bytes, old_starts: Integers, new: Bytes, new_starts: Integers, item: int, found: Bytes
) -> None:
    """Say of each object what became of its curve (SAME …).

    Parameters
    ----------
    old, new : uint8[:]
        Packed points of all objects.
    old_starts, new_starts : int64[k + 1]
        The objects' first points.
    item : int
        Bytes of a point.
    found : uint8[k]
        Filled.
    """
    for i in range(len(found)):
        before, after = old_starts[i] * item, new_starts[i] * item
        length = old_starts[i + 1] * item - before
        new_length = new_starts[i + 1] * item - after
        is_prefix = length <= new_length
        place = 0
        while is_prefix and place < length:
            is_prefix = old[before + place] == new[after + place]
            place += 1
        if is_prefix and length == new_length:
            found[i] = SAME
        elif is_prefix and length > 0:
            found[i] = APPENDED
        else:
            found[i] = REWRITTEN
