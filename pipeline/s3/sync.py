"""All that S3 does not have yet, batch after batch, for as long as a task may take."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.sections.outside import S3Settings
from pipeline import ledger
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_content import PART_BYTES
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.clients.s3_privacy import privacy
from pipeline.s3 import emptied, query, wanted
from pipeline.s3.batch import Line
from pipeline.s3.emptied import Emptied
from pipeline.s3.journal import Note, journal
from pipeline.s3.places import Here
from pipeline.s3.send import Carried, End, Told
from pipeline.s3.tables import S3Sync, S3Upload

BUDGET_S = 60.0
"""After so long no further object is begun: other work waits for the same worker."""
REFUSED_S, AWAY_S = 600.0, 60.0
"""How long nothing is sent after S3 refused, or was away."""
ROUNDS = 8
"""Objects of one batch for each thread; what they are is written down together."""
LOOKS_KEPT_D = 30
NOT_PRIVATE = (
    "S3: {bucket} is declared private (s3.private) but its policy or its rights let strangers in: "
    "nothing is sent"
)
NOT_KNOWN = (
    "S3: {bucket} is declared private (s3.private), and the store does not say whether it is: "
    "grant s3:GetBucketPolicyStatus and s3:GetBucketAcl, or set s3.private_unverified"
)

SILENT = (End.REFUSED, End.NOT_BEGUN)
"""What these say is said once for all."""

log = structlog.get_logger(__name__)


class Look(Enum):
    """Whether somebody looked for files that S3 does not have."""

    NOW = auto()
    LATELY = auto()
    RESTS = auto()
    """Nothing may be sent."""


@dataclass
class Work:
    """What one run did.

    Attributes
    ----------
    told : list of Told
        Each object that was brought or failed.
    error : str
        Why it stopped before the end; empty: it did not.
    has_more : bool
        Time was up, and more is due.
    emptied : Emptied or None
        What the bucket had lost, if it had.
    """

    told: list[Told] = field(default_factory=list)
    error: str = ""
    has_more: bool = False
    emptied: Emptied | None = None


def run(
    reason: str,
    owner: str,
    *,
    prefix: str = "",
    budget_s: float = BUDGET_S,
    tell: Callable[[Told], None] | None = None,
) -> Work:
    """Look for files if it is time to, and bring to S3 what is due; safe beside a second copy.

    Parameters
    ----------
    reason : str
        One of ``tables.REASONS``; all but the schedule look at once, also while S3 rests.
    owner : str
        Celery task id, or whoever calls.
    prefix : str
        Of the keys that are brought.
    budget_s : float
        No further object is begun after this time [s].
    tell : callable, optional
        Told of each object at once.
    """
    settings, here = config().s3, Here.ours()
    if not settings.bucket:
        return Work(error="s3.bucket is not set: nothing is copied")
    look = _look(here, reason, settings)
    if look is Look.RESTS:
        return Work()
    if reason == "schedule" and look is Look.LATELY and not due(here, prefix, 1):
        return Work()  # whoever asks is told of the bucket all the same
    work = Work()
    until_s = time.monotonic() + budget_s
    with journal() as note:
        try:
            with Bucket.from_settings(settings) as bucket:
                admit(bucket, settings)
                work.emptied = _withdraw(bucket, here, note)
                _bring_all(bucket, here, prefix, until_s, owner, work, note, tell)
        except (S3RefusedError, TransientError) as error:
            work.error = str(error)
            note("stopped", error=work.error)
            log.warning("s3.stopped", error=work.error)
            _rest(here, error)
    return work


def admit(bucket: Bucket, settings: S3Settings) -> None:
    """Ask whether the bucket is there, and whether it is as private as it is said to be.

    Raises
    ------
    S3RefusedError
        If it is not, or the store does not say and ``s3.private_unverified`` is not set.
    TransientError
        If S3 is away or busy.
    """
    bucket.check()
    if not settings.private:
        return
    found = privacy(bucket)
    if found == "public":
        raise S3RefusedError(NOT_PRIVATE.format(bucket=bucket.name), stops_all=True)
    if found == "unknown" and not settings.private_unverified:
        raise S3RefusedError(NOT_KNOWN.format(bucket=bucket.name), stops_all=True)


def _withdraw(bucket: Bucket, here: Here, note: Note) -> Emptied | None:
    """Believe nothing of a bucket that was emptied, before anything is sent, and say so."""
    found = emptied.look(bucket, here)
    if found is not None:
        facts = {"bucket": bucket.name, "again": found.again, "lost": found.lost}
        note("emptied", **facts)
        log.error("s3.bucket_emptied", **facts)
        _note_newest(here, again_count=found.again, lost_count=found.lost)
    return found


def due(here: Here, prefix: str, most: int) -> list[int]:
    """Return ids of objects that may be claimed now, the longest due first, for one batch.

    One whose worker died comes alone: should it be what killed it, no neighbour's attempts are
    counted with its own. A batch ends with the file that makes it large, too: a lease is for all.

    Parameters
    ----------
    here : Here
        Whose files.
    prefix : str
        Of the keys.
    most : int
        Of the batch.
    """
    statement = (
        select(S3Upload.id, S3Upload.state, S3Upload.length)
        .where(
            S3Upload.host == here.host,
            S3Upload.bucket == config().s3.bucket,
            S3Upload.key.startswith(prefix, autoescape=True),
            query.is_due(),
        )
        .order_by(S3Upload.not_before, S3Upload.id)
        .limit(most)
    )
    with transaction() as session:
        rows = session.execute(statement).all()
    orphans = [row.id for row in rows if row.state == "running"]
    return orphans[:1] or list(_together(rows, most * PART_BYTES))


def _together(rows: Iterable[Any], most_bytes: int) -> Iterator[int]:
    bytes_ = 0
    for row in rows:
        yield row.id
        bytes_ += row.length or 0
        if bytes_ >= most_bytes:
            return


def _look(here: Here, reason: str, settings: S3Settings) -> Look:
    """Ask for what is missing where it is time to."""
    with transaction() as session:
        if not ledger.may_sweep(session, f"s3.{here.host}"):
            return Look.LATELY  # another copy of us looks
        age_h = func.extract("epoch", func.now() - S3Sync.started_at) / 3600
        last = session.execute(
            select(
                (age_h < settings.every_h).label("is_fresh"),
                (func.coalesce(S3Sync.rests_until, func.now()) > func.now()).label("rests"),
            )
            .where(S3Sync.host == here.host, S3Sync.bucket == settings.bucket)
            .order_by(S3Sync.started_at.desc(), S3Sync.id.desc())
            .limit(1)
        ).one_or_none()
        if reason == "schedule" and last is not None and (last.is_fresh or last.rests):
            return Look.RESTS if last.rests else Look.LATELY
        if here.host in session.scalars(query.hosts_elsewhere()).all():
            log.warning("s3.another_bucket", bucket=settings.bucket)
            wanted.forget(session, here)
        missing = list(wanted.unsynced(session, here))
        for key, host, path in wanted.taken(session, missing):
            log.error("s3.key_taken", key=key, by_host=host, by_file=path)
        count = wanted.want(session, missing, at_once=reason == "command")
        session.execute(delete(S3Sync).where(S3Sync.host == here.host, age_h > 24 * LOOKS_KEPT_D))
        session.add(
            S3Sync(host=here.host, bucket=settings.bucket, reason=reason, wanted_count=count)
        )
    log.info("s3.looked", reason=reason, wanted=count)
    return Look.NOW


def _bring_all(
    bucket: Bucket,
    here: Here,
    prefix: str,
    until_s: float,
    owner: str,
    work: Work,
    note: Note,
    tell: Callable[[Told], None] | None,
) -> None:
    most = config().s3.threads
    with ThreadPoolExecutor(most, "s3") as threads:
        line = Line(bucket, threads, owner, until_s)
        while ids := due(here, prefix, most * ROUNDS):
            if line.is_closed:
                work.has_more = True
                return
            for carried in line.bring(ids):
                if carried.end in SILENT:
                    continue
                told = carried.told
                sha256 = carried.what.sha256 if carried.what else None
                note(
                    str(told.end),
                    key=told.key,
                    length=told.length,
                    sha256=sha256,
                    error=told.error,
                )
                work.told.append(told)
                if tell is not None:
                    tell(told)
            if line.broke is not None:
                raise _why(line.broke)


def _why(broke: Carried) -> Exception:
    if broke.end is End.REFUSED:
        return S3RefusedError(broke.error, stops_all=True)
    return TransientError(broke.error)


def _rest(here: Here, error: Exception) -> None:
    """Send nothing for a while: what is refused or away now will be so in ten seconds."""
    rest_s = REFUSED_S if isinstance(error, S3RefusedError) else AWAY_S
    rests_until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, rest_s)
    _note_newest(here, rests_until=rests_until, error=ledger.shortened(str(error)))


def _note_newest(here: Here, **values: Any) -> None:
    newest = (
        select(S3Sync.id).where(S3Sync.host == here.host).order_by(S3Sync.id.desc()).limit(1)
    ).scalar_subquery()
    with transaction() as session:
        session.execute(update(S3Sync).where(S3Sync.id == newest).values(values))
