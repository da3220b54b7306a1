"""Ask again for what S3 is said to have; what is not as it was sent is brought once more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import transaction
from pipeline.clients.s3 import Bucket
from pipeline.s3.places import Here
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile


@dataclass(frozen=True)
class Looked:
    """An object that was read back."""

    key: str
    length: int
    is_whole: bool


def verify(bucket: Bucket, here: Here, prefix: str = "") -> Iterator[Looked]:
    """Read every object of this host, one after the other, and compare its SHA-256.

    An object that is gone or damaged is wanted again, and its file is confirmed no more: retention
    keeps it until a whole copy is there.

    Parameters
    ----------
    bucket : Bucket
        Where they lie.
    here : Here
        Whose files.
    prefix : str
        Of the keys.

    Raises
    ------
    S3RefusedError, TransientError
        As ``Bucket.check``; what was looked at before stays noted.
    """
    last_id = 0
    while row := _next(here, prefix, last_id):
        last_id = row.id
        is_whole = bucket.read_sha256(row.key) == row.sha256
        if not is_whole:
            with transaction() as session:
                _doubt(session, row)
        yield Looked(row.key, row.length or 0, is_whole)


@contextmanager
def proving() -> Iterator[Callable[[type[OutputFile | ArchiveSegment], int], bool]]:
    """Open the bucket for whoever is about to delete files that are said to be there.

    Yields
    ------
    callable
        Takes the table of a file and the id of its row, and tells whether S3 still has every byte:
        length, SHA-256 and S3's own checksum, without reading it back. Where it has not, the file
        is wanted there again.

    Raises
    ------
    S3RefusedError, TransientError
        As ``Bucket.check``, in the ``with`` as well: nothing may be deleted then.
    """
    with Bucket.from_settings(config().s3) as bucket:
        bucket.check()
        yield lambda table, subject: _is_there(bucket, table, subject)


def _is_there(bucket: Bucket, table: type[OutputFile | ArchiveSegment], subject: int) -> bool:
    mine = S3Upload.file_id if table is OutputFile else S3Upload.segment_id
    with transaction() as session:
        rows = session.scalars(
            select(S3Upload).where(
                mine == subject, S3Upload.bucket == bucket.name, S3Upload.state == "done"
            )
        ).all()
    gone = [row for row in rows if not _holds(bucket, row)]
    for row in gone:
        with transaction() as session:
            _doubt(session, row)
    if not rows:
        with transaction() as session:
            _doubt_file(session, table, subject)  # another bucket confirmed it
    return bool(rows) and not gone


def _holds(bucket: Bucket, row: S3Upload) -> bool:
    if row.length is None or row.sha256 is None or row.checksum is None:
        return False
    return bucket.holds(row.key, row.length, row.sha256, row.checksum)


def _next(here: Here, prefix: str, last_id: int) -> S3Upload | None:
    statement = (
        select(S3Upload)
        .where(
            S3Upload.id > last_id,
            S3Upload.host == here.host,
            S3Upload.bucket == config().s3.bucket,
            S3Upload.key.startswith(prefix, autoescape=True),
            S3Upload.state == "done",
        )
        .order_by(S3Upload.id)
        .limit(1)
    )
    with transaction() as session:
        return session.scalar(statement)


def _doubt(session: Session, row: S3Upload) -> None:
    table, subject = (
        (OutputFile, row.file_id) if row.segment_id is None else (ArchiveSegment, row.segment_id)
    )
    _doubt_file(session, table, subject)
    again = {"state": "wanted", "attempts": 0, "not_before": func.now(), "ended_at": None}
    session.execute(update(S3Upload).where(S3Upload.id == row.id).values(again))


def _doubt_file(
    session: Session, table: type[OutputFile | ArchiveSegment], subject: int | None
) -> None:
    session.execute(
        update(table).where(table.id == subject).values(confirmed_at=None, s3_state="failed")
    )
