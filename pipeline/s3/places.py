"""Whose files are copied, which of them, and under which key."""

import socket
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from broker.archive import ArchiveSegment
from broker.config import Config, config, project_path
from broker.host import this_host
from pipeline.selected.sources import output_root
from pipeline.selected.tables import FILE_KINDS
from pipeline.surveys import SURVEYS
from pipeline.topics import NOTICE_STREAMS

SYNCED_KINDS = tuple(kind for kind in FILE_KINDS if kind != "log")
"""Of ``output_files``; logs stay where they are."""
PUBLIC = frozenset(
    {
        *(survey.name for survey in SURVEYS if survey.is_wholly_public),
        *(stream.name for stream in NOTICE_STREAMS),
    }
)
"""Whose packets everybody may read; any other's go to a private bucket only."""
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
        return cls(this_host(), socket.gethostname(), str(archive), str(output_root()))


def key_of_file(prefix: str, path: str) -> str:
    """Return the key of a file below a root of output."""
    return prefix + path.removeprefix(DATA)


def key_of_segment(prefix: str, path: str) -> str:
    """Return the key of a file of the archive."""
    return f"{prefix}{ARCHIVE}{path}"


def index_of(path: str) -> str:
    """Return the path of the index beside a segment."""
    return path.removesuffix(".seg") + INDEX


def is_kind_synced(kind: str, settings: Config | None = None) -> bool:
    """Return whether files of a kind are copied: retention then waits for S3.

    Parameters
    ----------
    kind : str
        Of ``output_files``.
    settings : Config, optional
        This process's when not given.
    """
    return bool((settings or config()).s3.bucket) and kind in SYNCED_KINDS


def is_archive_synced(survey: str, settings: Config | None = None) -> bool:
    """Return whether the packets of a survey, or of a stream of notices, are copied."""
    s3 = (settings or config()).s3
    return bool(s3.bucket) and (s3.private or survey in PUBLIC)


def synced_segments(settings: Config | None = None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of segments that are copied, or were to be."""
    s3 = (settings or config()).s3
    closed = (ArchiveSegment.closed_at.is_not(None), ArchiveSegment.bytes > 0)
    return closed if s3.private else (*closed, ArchiveSegment.survey.in_(sorted(PUBLIC)))
