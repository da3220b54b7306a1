"""Logs that people read below the root of all output: a line of JSON each, in rotating files."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from logging import INFO, Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from typing_extensions import override

LARGEST_BYTES = 10 * 2**20
KEPT = 5
"""Older files beside the newest."""


class _Followed(RotatingFileHandler):
    """Writes to the file that has the name now: another process may have moved or deleted it."""

    @override
    def emit(self, record: LogRecord) -> None:
        try:
            self._follow()
        except OSError:
            self.handleError(record)
        else:
            super().emit(record)

    def _follow(self) -> None:
        if self.stream is None:
            return  # it is opened when something is written
        opened = os.fstat(self.stream.fileno())
        with suppress(FileNotFoundError):
            if os.path.samestat(opened, Path(self.baseFilename).stat()):
                return
        self.stream.close()
        self.stream = None  # the file is opened anew when something is written


class JsonLog:
    """One log; a disk that is full stops nobody.

    Several processes may write to it, and retention may delete it between two lines.

    Parameters
    ----------
    path : Path
        Of its newest file; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _Followed(path, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
        self._file.setFormatter(Formatter("%(message)s"))

    def note(self, **facts: Any) -> None:
        """Write one line: the time, UTC, and these facts."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, **facts})
        self._file.handle(LogRecord(__name__, INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close its file."""
        self._file.close()
