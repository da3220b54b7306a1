"""Logs that people read below the root of all output: a line of JSON each, in rotating files."""

import json
from datetime import UTC, datetime
from logging import INFO, Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LARGEST_BYTES = 10 * 2**20
KEPT = 5
"""Older files beside the newest."""


class JsonLog:
    """One log; a disk that is full stops nobody.

    Parameters
    ----------
    path : Path
        Of its newest file; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(
            path, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8"
        )
        self._file.setFormatter(Formatter("%(message)s"))

    def note(self, **facts: Any) -> None:
        """Write one line: the time, UTC, and these facts."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, **facts})
        self._file.handle(LogRecord(__name__, INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close its file."""
        self._file.close()
