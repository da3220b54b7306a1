"""Whether the demo's processes live: one that ends by itself is named, with its last words."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST_S = 60.0
"""So long processes start; a bad one ends again and again."""
OFTEN_S, SELDOM_S = 3.0, 15.0
ALERTS = "worker-alerts"
LISTENERS = frozenset({"listen-ztf", "listen-lsst"})
LOOPS = 2
"""A process that ended so often by itself will not live."""
ASK_WITHIN_S = 20.0

Crashes = list[dict[str, Any]]


def ask(command: Sequence[str]) -> Crashes:
    """Ask the real parts which process ended by itself: ``crashed --json`` of compose/native.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If it cannot be asked.
    ValueError
        If its answer cannot be read.
    """
    done = subprocess.run(  # noqa: S603 our own command
        command, check=False, capture_output=True, text=True, timeout=ASK_WITHIN_S
    )
    return list(json.loads(done.stdout))


@dataclass
class Watch:
    """Looks now and then whether the processes live; tells of each that does not.

    Attributes
    ----------
    ask : callable
        Returns every process that ended by itself, with ``name``, ``times`` and ``last_lines``.
    tell : callable
        Is given the lines for a person.
    """

    ask: Callable[[], Crashes]
    tell: Callable[[str], None]
    _began_s: float = field(default_factory=time.monotonic)
    _next_s: float = 0.0
    _told: dict[str, int] = field(default_factory=dict)

    def look(self) -> bool:
        """Look when it is time to; return False once nothing can flow any more."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return True
        self._next_s = now_s + (OFTEN_S if now_s - self._began_s < FIRST_S else SELDOM_S)
        try:
            crashes = self.ask()
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            self.tell(f"Whether our processes live cannot be seen: {error!r}")
            return True
        for crash in crashes:
            self._name(crash)
        return not is_hopeless(crashes)

    def _name(self, crash: dict[str, Any]) -> None:
        """Tell of a process the first time, and once more when it ends again and again."""
        name, times = crash["name"], crash["times"]
        told = self._told.get(name, 0)
        if told >= LOOPS or times == told:
            return
        self._told[name] = times
        again = f"{times} times, and is started again each time" if times > 1 else "once"
        lines = "\n".join(f"    {line}" for line in crash["last_lines"])
        self.tell(
            f"{name} ended by itself {again}. Its last lines:\n{lines}\n"
            f"  Look: python compose/native logs {name}, make doctor"
        )


def is_hopeless(crashes: Crashes) -> bool:
    """Return whether no alert can flow: none comes in, or none is worked."""
    dead = {crash["name"] for crash in crashes if crash["times"] >= LOOPS}
    return ALERTS in dead or dead >= LISTENERS
