"""Which streams are stopped, and why; read by listeners, written by the breaker and operators."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_STOPPED = text("SELECT reason FROM streams WHERE name = :name AND stopped_at IS NOT NULL")
_STOP = text("""
    INSERT INTO streams (name, stopped_at, reason) VALUES (:name, now(), :reason)
    ON CONFLICT (name) DO UPDATE SET stopped_at = now(), reason = :reason
    WHERE streams.stopped_at IS NULL
""")
_RESUME = text("""
    UPDATE streams SET stopped_at = NULL, reason = NULL
    WHERE name = :name AND stopped_at IS NOT NULL
""")


def stop_reason(session: Session, stream: str) -> str | None:
    """Return why the stream is stopped, or None."""
    row = session.execute(_STOPPED, {"name": stream}).one_or_none()
    return None if row is None else row.reason or "no reason given"


def stop(session: Session, stream: str, reason: str) -> None:
    """Stop a stream; the reason of an earlier stop stays."""
    session.execute(_STOP, {"name": stream, "reason": reason})


def resume(session: Session, stream: str) -> bool:
    """Start a stopped stream again; return whether it was stopped."""
    return bool(session.execute(_RESUME, {"name": stream}).rowcount)  # type: ignore[attr-defined] # of an UPDATE
