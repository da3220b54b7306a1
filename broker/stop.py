"""How a process that runs until it is told to end hears that."""

import signal
import sys
from types import FrameType


class Stop:
    """Hears SIGTERM and SIGINT: the first asks to stop, the second ends the process at once."""

    def __init__(self) -> None:
        self.is_asked = False
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_asked:
            sys.exit(1)
        self.is_asked = True
