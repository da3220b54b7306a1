"""What the demo asks of servers on a machine that is busy with everything else."""

import time
from collections.abc import Callable
from typing import TypeVar

from broker.errors import TransientError
from broker.outages import OUTAGES

PATIENCE_S = 120.0
PAUSE_S = 1.0

Found = TypeVar("Found")


def patiently(ask: Callable[[], Found], within_s: float = PATIENCE_S) -> Found:
    """Return what is asked for, asking again while a server does not answer in time.

    Raises
    ------
    TransientError
        If none does within ``within_s`` [s].
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except OUTAGES as error:
            if time.monotonic() > give_up_at:
                raise TransientError(f"nothing answered for {within_s:.0f} s: {error}") from error
            time.sleep(PAUSE_S)
