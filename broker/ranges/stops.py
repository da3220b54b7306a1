"""Which streams are stopped, and why; read by listeners, written by the breaker and operators."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_STOPPED = text("SELECT reason FROM streams WHERE name = :name AND stopped_at IS NOT NULL")
_STOP = text("""
    INSERT INTO streams (name, stopped_at, reason, stopped_by)
    VALUES (:name, now(), :reason, :by)
    ON CONFLICT (name) DO UPDATE SET stopped_at = now(), reason = :reason, stopped_by = :by
    WHERE streams.stopped_at IS NULL
""")
_RESUME = text("""
    UPDATE streams SET stopped_at = NULL, reason = NULL, stopped_by = NULL
    WHERE name = :name AND stopped_at IS NOT NULL
""")
_STOPPED_BY = text("""
    SELECT name FROM streams WHERE stopped_by = :by AND stopped_at IS NOT NULL ORDER BY name
""")
BREAKER = "breaker"
"""Stands where an operator's name would."""


def stop_reason(session: Session, stream: str) -> str | None:
    """Return why the stream is stopped, or None."""
    row = session.execute(_STOPPED, {"name": stream}).one_or_none()
    return None if row is None else row.reason or "no reason given"


def stop(session: Session, stream: str, reason: str, by: str = BREAKER) -> bool:
    """Stop a stream; return whether it ran. The reason of an earlier stop stays."""
    done = session.execute(_STOP, {"name": stream, "reason": reason, "by": by})
    return bool(done.rowcount)  # type: ignore[attr-defined] # of an INSERT


def stopped_by_breaker(session: Session) -> list[str]:
    """Return the streams that stand because most of their packets were bad."""
    return list(session.scalars(_STOPPED_BY, {"by": BREAKER}))


def resume(session: Session, stream: str) -> bool:
    """Start a stopped stream again; return whether it was stopped."""
    return bool(session.execute(_RESUME, {"name": stream}).rowcount)  # type: ignore[attr-defined] # of an UPDATE
