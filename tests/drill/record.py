"""What a fault is, and what became of the alerts in each of its cases."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drill.stage import Stage


@dataclass(frozen=True)
class Fault:
    """One line of the list of faults that must be survived.

    Attributes
    ----------
    number : str
        As the design numbers it: F1 …
    title : str
        What is done to the system, for the table.
    run : callable
        Does it, case by case, on a stage of its own.
    is_short : bool
        Also belongs to the short form, on the servers of a test run.
    """

    number: str
    title: str
    run: "Callable[[Stage], None]"
    is_short: bool


@dataclass
class Outcome:
    """One case of a fault: what was sent, what became of it, how long it took.

    Attributes
    ----------
    fault, case : str
        Number of the fault, name of the case.
    sent, bad : int
        Packets in the input topics, and those of them that no alert can become of.
    rows, duplicates, dead_letters, lost : int
        What became of them; a packet may be counted twice only if it was buried and lived.
    messages, repeated : int
        Published in this case, and how many of these had come before.
    before_per_s, during_per_s, after_per_s : float or None
        Alerts stored per second: until the fault, until everything sent before its end is accounted
        for, and from then on.
    recovery_s : float or None
        From the fault's end until everything sent before it is accounted for.
    kills : int
        Processes that were killed in this case.
    memory_mb : float
        Largest resident memory of one worker process.
    note : str
        What else was seen.
    skipped, error : str
        Why it was not tried; what went wrong.
    """

    fault: str
    case: str
    sent: int = 0
    bad: int = 0
    rows: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    lost: int = 0
    messages: int = 0
    repeated: int = 0
    before_per_s: float | None = None
    during_per_s: float | None = None
    after_per_s: float | None = None
    recovery_s: float | None = None
    kills: int = 0
    memory_mb: float = 0.0
    note: str = ""
    skipped: str = ""
    error: str = ""

    @property
    def survived(self) -> bool:
        """Return whether the case was tried, and nothing was lost or out of order."""
        return not (self.skipped or self.error or self.lost)


class Skipped(Exception):
    """A case cannot be tried on this machine; the message says why."""
