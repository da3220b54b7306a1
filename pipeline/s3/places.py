"""Whose files are copied, which of them, and under which key."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from broker.archive import ArchiveSegment
from broker.config import Config, config, project_path
from broker.host import archive_host, this_host
from pipeline.selected.sources import output_root
from pipeline.selected.tables import FILE_KINDS
from pipeline.surveys import SURVEYS

SYNCED_KINDS = tuple(kind for kind in FILE_KINDS if kind != "log")
"""Of ``output_files``; logs stay where they are."""
NOT_PUBLIC = frozenset(survey.name for survey in SURVEYS if not survey.is_wholly_public)
"""Whose packets go to a private bucket only."""
DATA, ARCHIVE = "data/", "archive/"
INDEX = ".idx"
"""Of the file beside a segment."""


@dataclass(frozen=True)
class Here:
    """Where files of this host lie.

    Attributes
    ----------
    host : str
        As in ``output_files.host``.
    archive_host : str
        As in ``archive_segments.host``.
    archive : str
        Folder of the archive.
    root : str
        Folder of all output.
    """

    host: str
    archive_host: str
    archive: str
    root: str

    @classmethod
    def ours(cls) -> "Here":
        """Return those of this process."""
        archive = project_path(config().archive.path).resolve()
        return cls(this_host(), archive_host(), str(archive), str(output_root()))


def key_of_file(prefix: str, path: str) -> str:
    """Return the key of a file below a root of output."""
    return prefix + path.removeprefix(DATA)


def key_of_segment(prefix: str, path: str) -> str:
    """Return the key of a file of the archive."""
    return f"{prefix}{ARCHIVE}{path}"


def index_of(path: str) -> str:
    """Return the path of the index beside a segment."""
    return path.removesuffix(".seg") + INDEX


def excluded(settings: Config) -> frozenset[str]:
    """Return the surveys whose packets are not copied, as the bucket is not said to be private."""
    return frozenset() if settings.s3.private else NOT_PUBLIC


def synced_segments() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of segments that are copied, or were to be."""
    closed = (ArchiveSegment.closed_at.is_not(None), ArchiveSegment.bytes > 0)
    return (*closed, ArchiveSegment.survey.not_in(sorted(excluded(config()))))
