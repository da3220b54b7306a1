"""What happened on one topic, for people: events and errors, each in a rotating file of its own."""

from pathlib import Path
from typing import Any

from pipeline.json_log import JsonLog

FOLDER = "logs/lasair"
"""Below the root of all output."""
EVENTS, ERRORS = "event.log", "error.log"


class Journal:
    """The two logs of one topic.

    Parameters
    ----------
    root : Path
        Of all output.
    topic : str
        Names the folder.
    """

    def __init__(self, root: Path, topic: str) -> None:
        folder = root / FOLDER / topic
        self._events = JsonLog(folder / EVENTS)
        self._errors = JsonLog(folder / ERRORS)

    def event(self, **facts: Any) -> None:
        """Note an alert that was stored."""
        self._events.note(**facts)

    def error(self, **facts: Any) -> None:
        """Note a message, or a value in one, that could not be used: where it stands, and why."""
        self._errors.note(**facts)

    def close(self) -> None:
        """Close both files."""
        self._events.close()
        self._errors.close()
