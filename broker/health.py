"""What is up and what is down, part by part: ``/health``.

Anyone may ask, so the answer names no host and quotes no error; those go to the log. An answer is
kept for ``KEEP_S``, so that asking often costs nothing; while a part that hangs is waited for, the
last answer is given, with the time of its look.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from broker import health_parts
from broker.access import PUBLIC, access
from broker.health_parts import Finding, State
from broker.logs import log

DEADLINE_S = 4.0
"""Longest that an answer takes; a part that is not done by then is down."""
KEEP_S = 3.0
ANSWER_S = 0.5
"""Longest that whoever asks waits while there is a last answer."""
STALE_S = 15.0
"""Age at which a last answer is worth nothing."""

Check = tuple[str, Callable[[], Sequence[Finding]]]

CHAINS: tuple[tuple[Check, ...], ...] = (
    (
        ("postgres", health_parts.postgres),
        ("migrations", health_parts.migrations),
        ("alert_partitions", health_parts.alert_partitions),
        ("dead_letters", health_parts.dead_letters),
        ("listeners", health_parts.listeners),
    ),
    (("redis", health_parts.redis), ("workers", health_parts.workers)),
    (("kafka", health_parts.kafka),),
    (("replica", health_parts.replica),),
)
"""A check that needs others stands behind them in one chain; chains run side by side."""


@dataclass(frozen=True)
class Report:
    """The state of every part at one moment."""

    findings: tuple[Finding, ...]
    checked_at: datetime

    @property
    def state(self) -> Literal["ok", "warning", "down"]:
        """Return the worst that a person must know."""
        states = {finding.state for finding in self.findings}
        return "down" if "down" in states else "warning" if "warning" in states else "ok"

    def as_json(self) -> dict[str, Any]:
        """Return the answer of ``/health``."""
        return {
            "status": self.state,
            "checked_at": self.checked_at.isoformat(timespec="seconds"),
            "parts": {
                finding.name: {"state": finding.state, "text": finding.text, **finding.facts}
                for finding in self.findings
            },
        }


@dataclass
class Probe:
    """Looks at every part, and remembers for a moment what it saw."""

    chains: Sequence[Sequence[Check]] = CHAINS
    deadline_s: float = DEADLINE_S
    keep_s: float = KEEP_S
    answer_s: float = ANSWER_S
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: tuple[float, Report] | None = None
    _looking: "Future[Report] | None" = None

    def report(self) -> Report:
        """Return the state of every part, at most ``keep_s`` old unless a part is waited for."""
        with self._lock:
            age_s = time.monotonic() - self._last[0] if self._last else STALE_S
            if self._last and age_s <= self.keep_s:
                return self._last[1]
            if self._looking is None:
                self._looking = _looker().submit(self._look_and_keep)
            looking, last = self._looking, self._last
        if last is None or age_s >= STALE_S:
            return looking.result()
        try:
            return looking.result(self.answer_s)
        except FutureTimeoutError:
            return last[1]

    def _look_and_keep(self) -> Report:
        now_s = time.monotonic()
        try:
            found = self._look()
            with self._lock:
                self._last = (now_s, found)
        finally:
            self._looking = None
        return found

    def _look(self) -> Report:
        running = [(chain, _threads().submit(_run, chain)) for chain in self.chains]
        wait([future for _, future in running], timeout=self.deadline_s)
        found = [finding for chain, future in running for finding in _result(chain, future)]
        return Report(tuple(found), datetime.now(UTC))


def report() -> Report:
    """Return the state of every part, as ``/health`` answers it."""
    return _probe().report()


def queues_served() -> frozenset[str] | None:
    """Return the queues that some worker reads, a moment ago; None while nobody can tell."""
    found = {finding.name: finding.facts for finding in report().findings}
    queues = found.get("workers", {}).get("queues")
    return None if queues is None else frozenset(queues)


@access(PUBLIC)
@require_safe
def page(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part works and 503 when one is down, with the state of each."""
    found = report()
    answer = JsonResponse(found.as_json(), status=503 if found.state == "down" else 200)
    answer["Cache-Control"] = "no-store"
    return answer


@cache
def _probe() -> Probe:
    return Probe()


@cache
def _threads() -> ThreadPoolExecutor:
    """Return this process's threads; one that hangs must not keep the others waiting."""
    return ThreadPoolExecutor(max_workers=4 * len(CHAINS), thread_name_prefix="health")


@cache
def _looker() -> ThreadPoolExecutor:
    """Return the thread that asks; apart from those that answer, so that it never waits for one."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="health-look")


def _run(chain: Sequence[Check]) -> list[Finding]:
    found: list[Finding] = []
    for at, (name, check) in enumerate(chain):
        try:
            seen = list(check())
        except Exception as error:  # noqa: BLE001 a part that fails in a new way is down, not the page
            log.warning("health.part_down", part=name, error=repr(error))
            seen = [Finding(name, "down", f"does not answer ({type(error).__name__})")]
        found += seen
        if any(finding.state == "down" for finding in seen):
            return found + _unknown(chain[at + 1 :], f"cannot be seen without {name}")
    return found


def _result(chain: Sequence[Check], future: "Future[list[Finding]]") -> list[Finding]:
    if future.done():
        return future.result()
    log.warning("health.part_down", part=chain[0][0], error="no answer in time")
    late = Finding(chain[0][0], "down", "no answer in time")
    return [late, *_unknown(chain[1:], "no answer in time")]


def _unknown(checks: Sequence[Check], text: str) -> list[Finding]:
    state: State = "unknown"
    return [Finding(name, state, text) for name, _ in checks]
