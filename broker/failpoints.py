"""Named places and packets at which a fault test makes a process die or hang."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
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
    "credential_claimed",
    "credential_settled",
    "notice_counted",
    "notice_archived",
    "notice_stored",
    "notice_committed",
    "batch_stored",
    "batch_committed",
    "step_claimed",
    "step_worked",
    "step_before_done",
    "step_ended",
    "slack_posted",
    "file_put",
    "file_moved",
    "s3_claimed",
    "s3_part_sent",
    "s3_sent",
    "s3_proved",
    "selected_stored",
    "selected_committed",
    "cutouts_written",
    "csv_appended",
    "csv_marked",
    "csv_closed",
    "parquet_written",
    "lines_appended",
    "lines_committed",
    "image_written",
    "command_noted",
    "command_written",
    "data_claimed",
    "data_read",
    "data_inserted",
    "data_copied",
)
"""Six lie in a worker, four in a listener, two before and after Kafka follows a credential's row;
then those of whoever reads notices or batches, does their steps, copies files to S3, and writes
tables, lines and images; before and after a command is on its topic; four where data are stored."""

_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kill this process if the setting ``testing.failpoint`` names this place and pass."""
    wanted = _wanted()
    if wanted is None or wanted[0] != name:
        return
    _passes[name] += 1
    if _passes[name] == wanted[1]:
        _kill()


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


def strike(candids: Iterable[int]) -> None:
    """Suffer what the setting ``testing.poison`` wants of the first of these packets it names."""
    poison = _poison()
    if not poison:
        return
    for candid in candids:
        if candid in poison:
            _STRIKES[poison[candid]]()


def parse_poison(text: str) -> dict[int, str]:
    """Return the candids of ``way:candid,way:candid…`` with the way in which each strikes.

    Raises
    ------
    ValueError
        If there is no such way, or a candid is no number.
    """
    found = {}
    for part in filter(None, text.split(",")):
        way, _, candid = part.partition(":")
        if way not in _STRIKES:
            raise ValueError(f"testing.poison: no way {way!r}; known: {', '.join(_STRIKES)}")
        found[int(candid)] = way
    return found


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    while True:
        time.sleep(1.0)  # a wait that a soft time limit ends


def _stick() -> None:
    """Hang like compiled code that never returns: no signal handler runs, so no soft limit."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    _hang()


_STRIKES: Mapping[str, Callable[[], None]] = {"kill": _kill, "hang": _hang, "stick": _stick}


@cache
def _poison() -> dict[int, str]:
    return parse_poison(config().testing.poison)


@cache
def _wanted() -> tuple[str, int] | None:
    return parse(config().testing.failpoint)
