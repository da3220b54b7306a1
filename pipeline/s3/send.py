"""One object on its way: compared with what lies there, sent, proved; ``settle`` notes the end.

Several are on their way at once, each in a thread of its own: nothing here changes a row but that
of an upload in parts, whose id must be known before its first part leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import update

from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from pipeline import ledger
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_content import Content, measure
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.s3.tables import S3Upload

ATTEMPTS = 8

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
    REFUSED = "refused as all others"
    NOT_BEGUN = "not begun"


THERE = (End.SENT, End.FOUND)


@dataclass(frozen=True)
class Told:
    """What became of an object, for logs and for people."""

    end: End
    key: str
    length: int = 0
    error: str = ""


@dataclass(frozen=True)
class Carried:
    """An object after its way.

    Attributes
    ----------
    row : Row
        Of ``s3_uploads``, as it was claimed.
    end : End
        What became of it.
    what : Content or None
        The file as it was sent, or is there.
    error : str
        Why it is not there; empty where nothing went wrong.
    """

    row: Any
    end: End
    what: Content | None = None
    error: str = ""

    @property
    def held(self) -> ledger.Held:
        """Return the hold on its row."""
        return ledger.Held(S3Upload, self.row.id, self.row.owner, self.row.attempts)

    @property
    def told(self) -> Told:
        """Return what people are told of it."""
        return Told(self.end, self.row.key, self.what.length if self.what else 0, self.error)


def carry(bucket: Bucket, row: Any, until_s: float) -> Carried:
    """Bring one claimed object to S3; safe to repeat, and never raises: neighbours go on.

    Parameters
    ----------
    bucket : Bucket
        Where to.
    row : Row
        Of ``s3_uploads``.
    until_s : float
        A file in parts goes on later after this moment of ``time.monotonic()`` [s].
    """
    if row.attempts > ATTEMPTS:
        why = f"its worker died {ATTEMPTS} times: {row.last_error}"
        return Carried(row, End.FAILED, error=why)
    try:
        return _bring(bucket, row, until_s)
    except S3RefusedError as error:
        return Carried(row, End.REFUSED if error.stops_all else End.FAILED, error=str(error))
    except TransientError as error:
        return Carried(row, End.AWAY, error=str(error))
    except (OSError, OtherBytesError) as error:
        return Carried(row, End.FAILED, error=str(error))
    except Exception as error:
        log.exception("s3.broke", key=row.key)
        return Carried(row, End.FAILED, error=repr(error))


def _bring(bucket: Bucket, row: Any, until_s: float) -> Carried:
    what = measure(Path(row.root) / row.path, row.length)
    if row.sha256 and not row.is_snapshot and what.sha256 != row.sha256:
        raise OtherBytesError(
            f"{row.path} has SHA-256 {what.sha256} on disk; {row.sha256} was written"
        )
    place = (row.key, what.length, what.sha256, what.checksum)
    end = End.FOUND
    if not bucket.holds(*place):
        end = End.SENT
        remember = _remember(Carried(row, end).held)
        if not bucket.upload(row.key, what, row.upload_id, remember, until_s):
            return Carried(row, End.LATER, what)
        failpoint("s3_sent")
        if not bucket.holds(*place):
            raise TransientError(f"S3: {row.key}: what lies there is not what was sent")
    failpoint("s3_proved")
    return Carried(row, end, what)


def _remember(held: ledger.Held) -> Callable[[str], None]:
    """Return what notes the id of an upload in parts: whoever follows goes on with it."""

    def note(upload_id: str) -> None:
        with transaction() as session:
            if ledger.lock_mine(session, held):
                session.execute(
                    update(S3Upload).where(S3Upload.id == held.id).values(upload_id=upload_id)
                )

    return note
