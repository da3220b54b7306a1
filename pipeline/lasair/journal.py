"""What happened on one topic, for people: events and errors, each in a rotating file of its own."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from logging import INFO, Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

FOLDER = "logs/lasair"
"""Below the root of all output."""
EVENTS, ERRORS = "event.log", "error.log"
LARGEST_BYTES = 10 * 2**20
KEPT = 5


class Journal:
    """The two logs of one topic; a disk that is full stops no stream.

    Parameters
    ----------
    root : Path
        Of all output.
    topic : str
        Names the folder.
    """

    def __init__(self, root: Path, topic: str) -> None:
        folder = root / FOLDER / topic
        folder.mkdir(parents=True, exist_ok=True)
        self._events = _file(folder / EVENTS)
        self._errors = _file(folder / ERRORS)

    def event(self, **facts: Any) -> None:
        """Note an alert that was stored."""
        _write(self._events, facts)

    def error(self, **facts: Any) -> None:
        """Note a message, or a value in one, that could not be used: where it stands, and why."""
        _write(self._errors, facts)

    def close(self) -> None:
        """Close both files."""
        self._events.close()
        self._errors.close()


def _file(path: Path) -> RotatingFileHandler:
    found = RotatingFileHandler(path, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
    found.setFormatter(Formatter("%(message)s"))
    return found


def _write(file: RotatingFileHandler, facts: Mapping[str, Any]) -> None:
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts})
    file.handle(LogRecord("lasair", INFO, "", 0, line, None, None))
