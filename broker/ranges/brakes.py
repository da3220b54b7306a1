"""Why a stream must not be cut now: it turned to rubbish, an operator stopped it, the disk is full.

A new schema must not bury a whole night: more than half of the last packets bad stops the stream
until ``manage.py resume STREAM``, or ``accept_schema FILE`` where a schema was the cause.
"""

import shutil
from collections import deque
from pathlib import Path

import structlog

from broker.db import transaction
from broker.dead_letters import Commonest, commonest
from broker.ranges import stops

SAMPLE_PACKETS = 100
TOLERATED_SHARE = 0.5
LEAST_FREE_SHARE = 0.05
STATEMENT_S = 5
_MENDED_BY_SCHEMA = frozenset({"schema_not_allowed", "unknown_schema"})

log = structlog.get_logger(__name__)


class Breaker:
    """Bad packets among the last ones of a stream, as far as this process has seen them."""

    def __init__(self) -> None:
        self._ranges: deque[tuple[int, int]] = deque()
        self._read = 0
        self._dead = 0

    def note(self, read: int, dead: int) -> None:
        """Count one finished range; whole ranges that the sample no longer needs are forgotten.

        Offsets that expired were never read: they are dead letters, but no bad packets.
        """
        dead = min(dead, read)
        self._ranges.append((read, dead))
        self._read += read
        self._dead += dead
        while self._read - self._ranges[0][0] >= SAMPLE_PACKETS:
            old_read, old_dead = self._ranges.popleft()
            self._read -= old_read
            self._dead -= old_dead

    def reason(self) -> str | None:
        """Return why the stream shall stop, or None."""
        if self._read < SAMPLE_PACKETS or self._dead <= TOLERATED_SHARE * self._read:
            return None
        return f"{self._dead} of the last {self._read} packets became dead letters"

    def reset(self) -> None:
        """Forget everything: an operator has looked."""
        self._ranges.clear()
        self._read = self._dead = 0


class Brakes:
    """All that can stop one stream.

    Parameters
    ----------
    stream : str
        Name of the stream.
    folder : Path
        On the disk that must not run full; need not exist yet.
    """

    def __init__(self, stream: str, folder: Path) -> None:
        self._stream = stream
        self._folder = folder
        self._breaker = Breaker()
        self._reason: str | None = None
        self._alarm: dict[str, str] = {}
        """What an operator can do, for the log: an example of the packets, and the command."""

    @property
    def is_on(self) -> bool:
        """Whether nothing may be cut, as of the last look."""
        return self._reason is not None

    def note(self, read: int, dead: int) -> None:
        """Count one finished range."""
        self._breaker.note(read, dead)

    def look(self) -> None:
        """Find out whether the stream must stand; say so when that changes."""
        reason = self._stop_reason() or disk_reason(self._folder)
        if reason is not None and reason != self._reason:
            log.error("listener.stopped", stream=self._stream, reason=reason, **self._alarm)
        elif reason is None and self._reason is not None:
            self._breaker.reset()  # what was in flight when it stopped has been judged
            log.info("listener.resumed", stream=self._stream, was=self._reason)
        self._reason = reason

    def _stop_reason(self) -> str | None:
        trouble = self._breaker.reason()
        self._alarm = {}
        with transaction(statement_timeout_s=STATEMENT_S) as session:
            if trouble is not None:
                found = commonest(session, self._stream, SAMPLE_PACKETS)
                self._alarm = _alarm(self._stream, found)
                stops.stop(session, self._stream, _worded(trouble, found))
            reason = stops.stop_reason(session, self._stream)
        if trouble is not None:
            self._breaker.reset()
        return reason


def _worded(trouble: str, found: Commonest | None) -> str:
    """Return the reason as everybody may read it: no text that came with a packet."""
    return trouble if found is None else f"{trouble}, most often {found.reason}"


def _alarm(stream: str, found: Commonest | None) -> dict[str, str]:
    if found is None:
        return {"mend": f"manage.py resume {stream}"}
    if found.reason in _MENDED_BY_SCHEMA:
        return {"mend": "manage.py accept_schema FILE --retry", "example": found.message}
    return {"mend": f"manage.py resume {stream}", "example": found.message}


def disk_reason(folder: Path) -> str | None:
    """Return why nothing more may be written below ``folder``, or None."""
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    if usage.free >= LEAST_FREE_SHARE * usage.total:
        return None
    return f"only {usage.free / 1e9:.1f} GB ({usage.free / usage.total:.1%}) free at {folder}"
