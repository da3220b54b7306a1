"""Tiles as people write them: their places in a plan, single or from one to another."""

import re
from collections.abc import Collection, Iterable, Iterator

from broker.sections.gw_plans import MOST_TILES

EXAMPLE = "1-5, 8"
WANTED = f"say which tiles by their rank, such as {EXAMPLE}"
_PART = re.compile(r"([0-9]{1,6})(?:\s*[-\u2013]\s*([0-9]{1,6}))?")
_LONGEST_TEXT = 3000


def read(text: object) -> tuple[int, ...]:
    """Return the ranks that somebody wrote, each once, in order.

    Parameters
    ----------
    text : object
        Such as ``1-5, 8``.

    Raises
    ------
    ValueError
        If it is nothing of the kind, or beyond what a plan may have; the message says which part.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST_TEXT:
        raise ValueError(WANTED)
    found: set[int] = set()
    for part in text.strip().strip(",").split(","):
        found.update(_span(part.strip()))
    return tuple(sorted(found))


def shown(ranks: Iterable[int]) -> str:
    """Return ranks, in order, as ``read`` takes them: neighbours as one span."""
    return ", ".join(
        f"{first}" if first == last else f"{first}-{last}" for first, last in _spans(ranks)
    )


def named(ranks: Collection[int]) -> str:
    """Return ranks with their noun: ``tile 4``, ``tiles 1-3``."""
    return f"{'tile' if len(ranks) == 1 else 'tiles'} {shown(ranks)}"


def _span(part: str) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise ValueError(f"“{part[:20]}” is no tile and no span of tiles: write {EXAMPLE}")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= MOST_TILES or not 1 <= last <= MOST_TILES:
        raise ValueError(f"“{part}”: ranks go from 1 to {MOST_TILES}")
    if last < first:
        raise ValueError(f"“{part}” ends before it begins")
    return range(first, last + 1)


def _spans(ranks: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of ranks without a gap."""
    first = last = 0
    for rank in ranks:
        if first and rank == last + 1:
            last = rank
            continue
        if first:
            yield first, last
        first = last = rank
    if first:
        yield first, last
