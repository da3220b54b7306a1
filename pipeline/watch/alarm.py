"""One thing that is amiss with a source."""

from dataclasses import dataclass

NOT_RUN, NOTHING_WRITTEN, UNREAD, SILENT, UNMADE = REASONS = (
    "not_run",
    "nothing_written",
    "unread",
    "silent",
    "unmade",
)


@dataclass(frozen=True)
class Alarm:
    """Something that is amiss with a source.

    Attributes
    ----------
    source : str
        Its name; of Lasair, that of the topic.
    reason : str
        One of the words above.
    text : str
        What is known.
    remedy : str
        What to do.
    """

    source: str
    reason: str
    text: str
    remedy: str

    @property
    def name(self) -> str:
        """Return what makes it one of its day."""
        return f"{self.source}:{self.reason}"
