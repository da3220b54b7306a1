"""What the copying to S3 did, a line of JSON for each object: ``logs/s3_sync.log``."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from pipeline.json_log import JsonLog
from pipeline.selected.sources import output_root

PATH = "logs/s3_sync.log"
"""Below the root of all output."""


Note = Callable[..., None]
"""Writes one line: the event, and facts as keywords."""


@contextmanager
def journal() -> Iterator[Note]:
    """Open the log for a while: who works beside us may have begun another file meanwhile."""
    with closing(JsonLog(output_root() / PATH)) as file:

        def note(event: str, **facts: Any) -> None:
            file.note(event=event, **facts)

        yield note
