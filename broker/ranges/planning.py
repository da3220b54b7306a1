"""Decide where to begin, what to cut, and how far a partition is finished; no I/O here.

Offsets follow Kafka: a *cursor* and a *high* are the next offset, ``last`` is inclusive.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

LONGEST_RELEASE_DELAY_S = 30

Place = tuple[str, int]
"""Topic and partition."""


class RangeRow(NamedTuple):
    """What planning needs to know of one row of ``stream_ranges``."""

    first: int
    last: int
    is_done: bool
    read: int = 0
    dead: int = 0


class Cut(NamedTuple):
    """A range that shall be inserted; an expired one was never read and never will be."""

    place: Place
    first: int
    last: int
    is_expired: bool = False


class Start(NamedTuple):
    """Where a listener begins, and what is wrong with the offsets that it found."""

    cursor: int
    is_reset: bool


@dataclass(frozen=True)
class Backlog:
    """What is known of one partition when ranges are cut."""

    place: Place
    cursor: int
    low: int
    high: int
    rows: Sequence[RangeRow]


def choose_start(
    kafka_committed: int | None,
    stored_committed: int | None,
    low: int,
    high: int,
    policy: Literal["earliest", "latest"],
) -> Start:
    """Return where to begin in a partition.

    The lower of both memories wins: an older Postgres may have been restored, or Kafka's offsets
    put back. A memory beyond the end of the partition is worthless, and reading begins at its low
    watermark. One below the low watermark stays: the missing interval must be accounted for.
    """
    memories = [offset for offset in (kafka_committed, stored_committed) if offset is not None]
    if not memories:
        return Start(low if policy == "earliest" else high, is_reset=False)
    cursor = min(memories)
    return Start(low, is_reset=True) if cursor > high else Start(cursor, is_reset=False)


def done_prefix(cursor: int, rows: Sequence[RangeRow]) -> int:
    """Return the first offset at or above ``cursor`` that is not known to be finished.

    Where rows overlap, an unfinished one wins.
    """
    reached = cursor
    for row in sorted(row for row in rows if row.is_done):
        if row.first > reached:
            break
        reached = max(reached, row.last + 1)
    unfinished = [row.first for row in rows if not row.is_done and row.last >= cursor]
    return max(cursor, min([reached, *unfinished]))


def holes(cursor: int, high: int, rows: Iterable[RangeRow]) -> Iterator[tuple[int, int]]:
    """Yield the intervals (first, last) of [cursor, high) that lie in no row, ascending."""
    at = cursor
    for row in sorted(rows):
        if row.first >= high:
            break
        if row.first > at:
            yield at, row.first - 1
        at = max(at, row.last + 1)
    if at < high:
        yield at, high - 1


def next_cuts(backlog: Backlog, longest: int) -> Iterator[Cut]:
    """Yield the ranges that a partition's backlog becomes, lowest first.

    Parameters
    ----------
    backlog : Backlog
        The partition.
    longest : int
        Offsets in one range; an expired interval is one range of any length.
    """
    for first, last in holes(backlog.cursor, backlog.high, backlog.rows):
        at = first
        if at < backlog.low:
            expired = min(last, backlog.low - 1)
            yield Cut(backlog.place, at, expired, is_expired=True)
            at = expired + 1
        while at <= last:
            end = min(last, at + longest - 1)
            yield Cut(backlog.place, at, end)
            at = end + 1


def plan_cuts(
    backlogs: Sequence[Backlog], slots: int, longest: int, after: Place | None = None
) -> list[Cut]:
    """Return the ranges to cut now, taking turns between partitions.

    Parameters
    ----------
    backlogs : sequence of Backlog
        All partitions of the listener.
    slots : int
        Ranges that may still be put in flight; expired intervals need none.
    longest : int
        Offsets in one range.
    after : tuple, optional
        The partition that was served last; its successor comes first.
    """
    ordered = sorted(backlogs, key=lambda backlog: backlog.place)
    if after is not None:
        ordered.sort(key=lambda backlog: backlog.place <= after)
    turns = [next_cuts(backlog, longest) for backlog in ordered]
    cuts: list[Cut] = []
    while turns and slots > 0:
        still_waiting = []
        for turn in turns:
            cut = next(turn, None)
            if cut is None:
                continue
            if not cut.is_expired:
                if slots == 0:
                    break
                slots -= 1
            cuts.append(cut)
            still_waiting.append(turn)
        turns = still_waiting
    return cuts


def release_delay_s(releases: int) -> int:
    """Return how long a range rests that was given back ``releases`` times before [s]."""
    return min(LONGEST_RELEASE_DELAY_S, 1 << min(releases, 5))
