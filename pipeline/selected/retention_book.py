"""What is known of runs of retention: begun before anything goes, for pages, letters and beat."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from broker.config import config
from broker.host import this_host
from pipeline.selected import retention_policy
from pipeline.selected.retention_policy import Expired, Policy
from pipeline.selected.tables import RetentionRun

ENDED = ("done", "failed")
"""A run that ended so is not followed by another on its day."""
MOST_RUNS = 14
LONGEST_ERROR = 500
BYTES_PER_MB = 1_000_000


def begin(session: Session, found: Sequence[Expired], today: date, *, is_command: bool) -> int:
    """Note what may go and what stays; a run that a dead process of this host left is ended.

    Returns
    -------
    int
        ``retention_runs.id``.
    """
    session.execute(
        update(RetentionRun)
        .where(RetentionRun.host == this_host(), RetentionRun.state == "running")
        .values(state="interrupted", ended_at=func.now())
    )
    made = insert(RetentionRun).values(
        host=this_host(),
        day=today,
        is_command=is_command,
        due=sums(each for each in found if each.why_kept is None),
        kept=sums((each for each in found if each.why_kept), lambda x: f"{x.kind}: {x.why_kept}"),
    )
    return session.scalars(made.returning(RetentionRun.id)).one()


def end(
    session: Session, run_id: int, state: str, gone: Iterable[Expired], error: str | None
) -> None:
    """Note what went, and what hindered it."""
    session.execute(
        update(RetentionRun)
        .where(RetentionRun.id == run_id)
        .values(
            state=state,
            deleted=sums(gone),
            error=error and error[:LONGEST_ERROR],
            ended_at=func.now(),
        )
    )


def sums(
    files: Iterable[Expired], name: Callable[[Expired], str] = lambda each: each.kind
) -> dict[str, dict[str, Any]]:
    """Return files, bytes, first and last night of each kind, or by another name of them."""
    found: dict[str, dict[str, Any]] = {}
    for each in files:
        night = each.night.isoformat()
        known = found.setdefault(
            name(each), {"files": 0, "bytes": 0, "first": night, "last": night}
        )
        known["files"] += 1
        known["bytes"] += each.length
        known["first"], known["last"] = min(known["first"], night), max(known["last"], night)
    return found


def words(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return sums as people read them, as ``6 of cutout, 1.2 MB, night 2026-10-20``."""
    return [
        f"{each['files']:,} of {name}, {each['bytes'] / BYTES_PER_MB:,.1f} MB,"
        f" {_nights(each['first'], each['last'])}"
        for name, each in sorted(found.items())
    ]


def _nights(first: str, last: str) -> str:
    return f"night {first}" if first == last else f"nights {first} to {last}"


def last(session: Session) -> Sequence[RetentionRun]:
    """Return the last runs of every host, the newest first."""
    wanted = select(RetentionRun).order_by(RetentionRun.id.desc()).limit(MOST_RUNS)
    return session.scalars(wanted).all()


def since(session: Session, at: datetime) -> Sequence[RetentionRun]:
    """Return the runs that began since a time, the oldest first."""
    wanted = select(RetentionRun).where(RetentionRun.started_at >= at)
    return session.scalars(wanted.order_by(RetentionRun.id)).all()


def hosts_to_ring(session: Session, now: datetime) -> list[str]:
    """Return the hosts that have files whose time is over, and no run of today behind them.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    now : datetime
        UTC.
    """
    settings = config()
    if now.hour < settings.retention.hour_utc:
        return []
    through = select(RetentionRun.host).where(
        RetentionRun.day == now.date(),
        RetentionRun.state.in_(ENDED),
        RetentionRun.is_command.is_(False),
    )
    policy = Policy.of_settings(settings)
    found = retention_policy.hosts(session, policy, now.date())
    return sorted(found.difference(session.scalars(through)) if found else ())
