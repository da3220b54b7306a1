"""What became of a batch of objects, written down in one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    SmallInteger,
    Text,
    and_,
    column,
    func,
    not_,
    select,
    tuple_,
    update,
)
from sqlalchemy import values as rows_of
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.db import transaction
from pipeline import ledger
from pipeline.s3.places import INDEX
from pipeline.s3.send import ATTEMPTS, THERE, Carried, End
from pipeline.s3.tables import S3Upload
from pipeline.selected.tables import OutputFile

FILES_OF_SEGMENT = 2
"""Its packets and its index."""


def settle(carried: Sequence[Carried]) -> None:
    """End the rows of objects that are there, confirm their files, give back the others.

    A row that somebody else holds by now is left to him.

    Parameters
    ----------
    carried : sequence of Carried
        All of one batch, of one owner.
    """
    there = [each for each in carried if each.end in THERE]
    with transaction() as session:
        if there:
            ended = _end(session, there)
            _confirm_files(session, ended)
            _confirm_segments(session, ended)
        for each in carried:
            if each.end in {End.FAILED, End.AWAY}:
                _count(session, each)
            elif each.end not in THERE:
                ledger.give_back(session, each.held, 0.0, each.error or None, is_counted=False)


def _end(session: Session, there: Iterable[Carried]) -> list[int]:
    """End rows that are still ours; return their ids."""
    known = rows_of(
        column("id", BigInteger),
        column("owner", Text),
        column("attempts", SmallInteger),
        column("length", BigInteger),
        column("sha256", Text),
        column("checksum", Text),
        name="known",
    ).data([_known(each) for each in there])
    mine = (
        S3Upload.id == known.c.id,
        S3Upload.state == "running",
        S3Upload.owner == known.c.owner,
        S3Upload.attempts == known.c.attempts,
    )
    content = {name: known.c[name] for name in ("length", "sha256", "checksum")}
    ended = (
        update(S3Upload)
        .where(*mine)
        .values(
            state="done",
            last_error=None,
            lease_until=None,
            ended_at=func.now(),
            upload_id=None,
            **content,
        )
        .returning(S3Upload.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(ended))


def _known(each: Carried) -> tuple[Any, ...]:
    held, what = each.held, each.what
    content = (what.length, what.sha256, what.checksum) if what else (None, None, None)
    return (held.id, held.owner, held.attempts, *content)


def _confirm_files(session: Session, ended: Sequence[int]) -> None:
    """Confirm files where these are the bytes that they have; snapshots prove nothing."""
    mine = and_(S3Upload.id.in_(ended), S3Upload.file_id == OutputFile.id)
    # In one order for all, as whoever writes a night changes several of them too.
    held = select(OutputFile.id).join(S3Upload, mine).order_by(OutputFile.id)
    session.execute(held.with_for_update(of=OutputFile))
    same = (
        mine,
        not_(S3Upload.is_snapshot),
        OutputFile.sha256 == S3Upload.sha256,
        OutputFile.closed_at.is_not(None),
    )
    _change(session, OutputFile, same, {"s3_key": S3Upload.key, **_confirmed()})
    grows = (mine, S3Upload.is_snapshot, OutputFile.confirmed_at.is_(None))
    _change(session, OutputFile, grows, {"s3_key": S3Upload.key, "s3_state": "partial"})


def _confirm_segments(session: Session, ended: Sequence[int]) -> None:
    """Confirm segments whose packets and index are both there."""
    touched = select(S3Upload.segment_id).where(S3Upload.id.in_(ended))
    # Who brings the other half at the same moment waits here, and then counts ours.
    held = select(ArchiveSegment.id).where(ArchiveSegment.id.in_(touched))
    ids = session.scalars(held.order_by(ArchiveSegment.id).with_for_update()).all()
    if not ids:
        return
    buckets = select(S3Upload.bucket).where(S3Upload.id.in_(ended))
    there = (S3Upload.segment_id.in_(ids), S3Upload.bucket.in_(buckets), S3Upload.state == "done")
    # Under one prefix: keys of an earlier ``s3.prefix`` are rows of the segment as well.
    stem = func.left(S3Upload.key, -len(INDEX))
    whole = (
        select(S3Upload.segment_id, stem)
        .where(*there)
        .group_by(S3Upload.segment_id, stem)
        .having(func.count() == FILES_OF_SEGMENT)
    )
    packets = (
        *there,
        S3Upload.segment_id == ArchiveSegment.id,
        tuple_(S3Upload.segment_id, stem).in_(whole),
        not_(S3Upload.key.endswith(INDEX)),
    )
    _change(session, ArchiveSegment, packets, {"s3_key": S3Upload.key, **_confirmed()})


def _confirmed() -> dict[str, Any]:
    return {"s3_state": "confirmed", "confirmed_at": func.now()}


def _change(
    session: Session,
    table: type[OutputFile | ArchiveSegment],
    conditions: Iterable[Any],
    values: dict[str, Any],
) -> None:
    session.execute(
        update(table).where(*conditions).values(values).execution_options(synchronize_session=False)
    )


def _count(session: Session, each: Carried) -> None:
    """Count an attempt that failed; after the last one the file's own row says so too."""
    held, row = each.held, each.row
    if held.attempts < ATTEMPTS:
        rest_s = ledger.back_off_s(held.attempts)
        ledger.give_back(session, held, rest_s, each.error, is_counted=True)
        return
    if not ledger.lock_mine(session, held):
        return
    ledger.end(session, held, "failed", each.error)
    table, subject = (
        (ArchiveSegment, row.segment_id) if row.file_id is None else (OutputFile, row.file_id)
    )
    unproved = (table.id == subject, table.confirmed_at.is_(None))
    session.execute(update(table).where(*unproved).values(s3_state="failed"))
