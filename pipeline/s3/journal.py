"""What the copying to S3 did, a line of JSON for each object: ``logs/s3_sync.log``."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging import INFO, Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from typing import Any

from pipeline.selected.sources import output_root

PATH = "logs/s3_sync.log"
"""Below the root of all output."""
LARGEST_BYTES = 10 * 2**20
KEPT = 5


Note = Callable[..., None]
"""Writes one line: the event, and facts as keywords."""


@contextmanager
def journal() -> Iterator[Note]:
    """Open the log for a while: who works beside us may have begun another file meanwhile."""
    path = output_root() / PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(path, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
    file.setFormatter(Formatter("%(message)s"))

    def note(event: str, **facts: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "event": event, **facts})
        file.handle(LogRecord("s3", INFO, "", 0, line, None, None))

    try:
        yield note
    finally:
        file.close()
