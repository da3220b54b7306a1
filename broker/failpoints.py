"""Named places where a fault test makes a process die as if its plug were pulled."""

import os
import signal
from collections import Counter
from functools import cache

from broker.config import config

FAILPOINTS = (
    "after_claim",
    "after_read",
    "after_archive",
    "after_store",
    "after_ack",
    "before_done",
    "after_insert",
    "after_publish",
    "before_commit",
    "after_commit",
)
"""The first six lie in a worker, the others in a listener."""

_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kill this process if the setting ``testing.failpoint`` names this place and pass."""
    wanted = _wanted()
    if wanted is None or wanted[0] != name:
        return
    _passes[name] += 1
    if _passes[name] == wanted[1]:
        os.kill(os.getpid(), signal.SIGKILL)


def parse(text: str) -> tuple[str, int] | None:
    """Return place and pass of ``name[:n]``, or None of an empty text.

    Raises
    ------
    ValueError
        If there is no such place, or the pass is not a positive number.
    """
    if not text:
        return None
    name, _, count = text.partition(":")
    if name not in FAILPOINTS:
        raise ValueError(f"testing.failpoint: no place {name!r}; known: {', '.join(FAILPOINTS)}")
    nth = int(count or 1)
    if nth < 1:
        raise ValueError(f"testing.failpoint: pass {nth} of {name} never comes")
    return name, nth


@cache
def _wanted() -> tuple[str, int] | None:
    return parse(config().testing.failpoint)
