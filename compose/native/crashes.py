"""Which of our processes ended by themselves, with their last words; a light look, often asked."""

import json
from dataclasses import dataclass

from compose.native.home import Home, last_lines
from compose.native.processes import running

SHOWN_LINES = 8
NOTE = ".child.json"


@dataclass(frozen=True)
class Crash:
    """A process that ended by itself since it was started.

    Attributes
    ----------
    name : str
        Of the process.
    times : int
        How often; its supervisor starts it again each time.
    last_lines : list of str
        Of its log.
    """

    name: str
    times: int
    last_lines: list[str]

    @property
    def text(self) -> str:
        """Return what happened, and where to read on."""
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"ended by itself {times}; see: python compose/native logs {self.name}"


def found(home: Home) -> list[Crash]:
    """Return each process that ended by itself, as its supervisor noted it."""
    crashes = []
    for note in sorted(home.run.glob(f"*{NOTE}")):
        name = note.name.removesuffix(NOTE)
        try:
            times = int(json.loads(note.read_text())["restarts"])
        except FileNotFoundError:  # stopped in order just now
            continue
        if times and running(home, name):
            crashes.append(Crash(name, times, last_lines(home.logs / f"{name}.log", SHOWN_LINES)))
    return crashes
