"""Objects of a batch on their way at once: a small pool of threads, one claim, one note of all."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from broker.failpoints import failpoint
from broker.host import QUEUE
from broker.queues import LIMITS_S
from pipeline import ledger
from pipeline.clients.s3 import Bucket
from pipeline.s3.send import Carried, End, carry
from pipeline.s3.settle import settle
from pipeline.s3.tables import S3Upload

FAILURES = 3
"""In a row, before S3 is taken to be away."""


@dataclass
class Line:
    """The way to one bucket, for as long as it is open.

    Attributes
    ----------
    bucket : Bucket
        Where to.
    threads : ThreadPoolExecutor
        So many objects travel at once.
    owner : str
        Celery task id, or whoever calls.
    until_s : float
        Nothing is begun after this moment of ``time.monotonic()`` [s].
    broke : Carried or None
        The object at which S3 refused all, or was away for the last time.
    """

    bucket: Bucket
    threads: ThreadPoolExecutor
    owner: str
    until_s: float = math.inf
    broke: Carried | None = None
    _failures: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_closed(self) -> bool:
        """Return whether nothing more may be begun."""
        return self.broke is not None or time.monotonic() > self.until_s

    def bring(self, ids: Sequence[int]) -> list[Carried]:
        """Bring objects that nobody else works on, and note what became of them; in their order.

        What was claimed and not begun is given back at once, also when somebody interrupts.

        Parameters
        ----------
        ids : sequence of int
            ``s3_uploads.id``.
        """
        lease_s = LIMITS_S[QUEUE][1] + ledger.LEASE_MARGIN_S
        rows = ledger.claim_all(S3Upload, ids, self.owner, lease_s)
        failpoint("s3_claimed")
        ways = [self.threads.submit(self._carry, row) for row in rows]
        try:
            return self._ended(ways)
        except BaseException:
            self.until_s = -math.inf
            self._ended(ways)
            raise

    def _ended(self, ways: Sequence[Future[Carried]]) -> list[Carried]:
        carried = [way.result() for way in ways]
        settle(carried)
        return carried

    def _carry(self, row: Any) -> Carried:
        if self.is_closed:
            return Carried(row, End.NOT_BEGUN)
        carried = carry(self.bucket, row, self.until_s)
        with self._lock:
            self._failures = self._failures + 1 if carried.end is End.AWAY else 0
            if carried.end is End.REFUSED or self._failures >= FAILURES:
                self.broke = self.broke or carried
        return carried
