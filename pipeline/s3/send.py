"""One object on its way: claimed, compared with what lies there, sent, proved, noted."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.celery import LIMITS_S
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.host import QUEUE
from pipeline import ledger
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_content import Content, measure
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.s3.places import INDEX
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile

ATTEMPTS = 8
FILES_OF_SEGMENT = 2
"""Its packets and its index."""

log = structlog.get_logger(__name__)


class OtherBytesError(Exception):
    """A file on disk is not what was written there."""


class End(StrEnum):
    """What became of an object."""

    SENT = "sent"
    FOUND = "found there"
    LATER = "goes on later"
    AWAY = "S3 away"
    FAILED = "failed"
    NOBODYS = "worked on by another"


@dataclass(frozen=True)
class Told:
    """What became of an object, for logs and for people."""

    end: End
    key: str
    length: int = 0
    error: str = ""


def send(bucket: Bucket, row_id: int, owner: str, until_s: float) -> Told:
    """Bring one object to S3, if nobody else does; safe to repeat.

    Parameters
    ----------
    bucket : Bucket
        Where to.
    row_id : int
        ``s3_uploads.id``.
    owner : str
        Celery task id, or whoever calls.
    until_s : float
        A file in parts goes on later after this moment of ``time.monotonic()`` [s].

    Raises
    ------
    S3RefusedError
        If S3 takes nothing until a person acts; the attempt does not count.
    """
    lease_s = LIMITS_S[QUEUE][1] + ledger.LEASE_MARGIN_S
    row = ledger.claim(S3Upload, row_id, owner, lease_s)
    if row is None:
        return Told(End.NOBODYS, "")
    held = ledger.Held(S3Upload, row.id, owner, row.attempts)
    failpoint("s3_claimed")
    if row.attempts > ATTEMPTS:
        return _failed(held, row, f"its worker died {ATTEMPTS} times: {row.last_error}")
    try:
        return _bring(bucket, held, row, until_s)
    except S3RefusedError as error:
        if error.stops_all:
            _rest(held, 0.0, str(error), is_counted=False)
            raise
        return _failed(held, row, str(error))
    except TransientError as error:
        return _failed(held, row, str(error), End.AWAY)
    except (OSError, OtherBytesError) as error:
        return _failed(held, row, str(error))


def _bring(bucket: Bucket, held: ledger.Held, row: Any, until_s: float) -> Told:
    what = measure(Path(row.root) / row.path, row.length)
    if row.sha256 and not row.is_snapshot and what.sha256 != row.sha256:
        raise OtherBytesError(
            f"{row.path} has SHA-256 {what.sha256} on disk; {row.sha256} was written"
        )
    place = (row.key, what.length, what.sha256, what.checksum)
    end = End.FOUND
    if not bucket.holds(*place):
        end = End.SENT
        is_whole = bucket.upload(row.key, what, row.upload_id, _remember(held), until_s)
        if not is_whole:
            _rest(held, 0.0, None, is_counted=False)
            return Told(End.LATER, row.key, what.length)
        failpoint("s3_sent")
        if not bucket.holds(*place):
            raise TransientError(f"S3: {row.key}: what lies there is not what was sent")
    failpoint("s3_proved")
    with transaction() as session:
        if ledger.lock_mine(session, held):
            _note(session, held, row, what)
    return Told(end, row.key, what.length)


def _remember(held: ledger.Held) -> Any:
    """Return what notes the id of an upload in parts: whoever follows goes on with it."""

    def note(upload_id: str) -> None:
        with transaction() as session:
            if ledger.lock_mine(session, held):
                session.execute(
                    update(S3Upload).where(S3Upload.id == held.id).values(upload_id=upload_id)
                )

    return note


def _note(session: Session, held: ledger.Held, row: Any, what: Content) -> None:
    """End the row, and confirm its file where these are the bytes that it has."""
    ledger.end(session, held, "done")
    session.execute(
        update(S3Upload)
        .where(S3Upload.id == held.id)
        .values(length=what.length, sha256=what.sha256, checksum=what.checksum, upload_id=None)
    )
    confirmed = {"s3_key": row.key, "s3_state": "confirmed", "confirmed_at": func.now()}
    if row.segment_id is not None:
        _confirm_segment(session, row, confirmed)
    elif row.is_snapshot:
        grows = (OutputFile.id == row.file_id, OutputFile.confirmed_at.is_(None))
        partial = {"s3_key": row.key, "s3_state": "partial"}
        session.execute(update(OutputFile).where(*grows).values(partial))
    else:
        same = (
            OutputFile.id == row.file_id,
            OutputFile.sha256 == what.sha256,
            OutputFile.closed_at.is_not(None),
        )
        session.execute(update(OutputFile).where(*same).values(confirmed))


def _confirm_segment(session: Session, row: Any, confirmed: dict[str, Any]) -> None:
    """Confirm a segment once its packets and its index are both there."""
    mine = ArchiveSegment.id == row.segment_id
    # Who brings the other one at the same moment waits here, and then counts ours.
    session.execute(select(ArchiveSegment.id).where(mine).with_for_update())
    there = session.scalars(
        select(S3Upload.key).where(
            S3Upload.segment_id == row.segment_id,
            S3Upload.bucket == row.bucket,
            S3Upload.state == "done",
        )
    ).all()
    if len(there) == FILES_OF_SEGMENT:
        [key] = [each for each in there if not each.endswith(INDEX)]
        session.execute(update(ArchiveSegment).where(mine).values(confirmed | {"s3_key": key}))


def _failed(held: ledger.Held, row: Any, why: str, end: End = End.FAILED) -> Told:
    """Count the attempt; after the last one the file's own row says so too."""
    if held.attempts < ATTEMPTS:
        _rest(held, ledger.back_off_s(held.attempts), why, is_counted=True)
        return Told(end, row.key, error=why)
    with transaction() as session:
        if ledger.lock_mine(session, held):
            ledger.end(session, held, "failed", why)
            table, subject = (
                (ArchiveSegment, row.segment_id)
                if row.file_id is None
                else (OutputFile, row.file_id)
            )
            unproved = (table.id == subject, table.confirmed_at.is_(None))
            session.execute(update(table).where(*unproved).values(s3_state="failed"))
    return Told(End.FAILED, row.key, error=why)


def _rest(held: ledger.Held, rest_s: float, why: str | None, *, is_counted: bool) -> None:
    with transaction() as session:
        ledger.give_back(session, held, rest_s, why, is_counted=is_counted)
