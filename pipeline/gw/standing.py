"""Whether a notice may still be acted on; what ends it, and who acts on it, take turns."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.gw.tables import GwAlert

RETRACTED = "{id} was retracted."
NEWER = "N°{count} of {id} is newer: please use that one."


def lock_event(session: Session, trigger_id: str) -> None:
    """Have an event to oneself until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"gw:{trigger_id}"))))


def obstacle(session: Session, row: GwAlert) -> str:
    """Return why nothing may be begun on a notice any more; empty when something may.

    The event is locked: what the answer says holds until the transaction ends.

    Parameters
    ----------
    session : Session
        Of an open transaction, which has changed nothing of the notice.
    row : GwAlert
        The notice; it is read again.
    """
    lock_event(session, row.trigger_id)
    session.refresh(row)
    if row.state == "current":
        return ""
    newer = session.scalars(
        select(GwAlert).where(GwAlert.trigger_id == row.trigger_id, GwAlert.state == "current")
    ).one_or_none()
    if row.state == "superseded" and newer is not None:
        return NEWER.format(count=newer.reception_count, id=row.trigger_id)
    return RETRACTED.format(id=row.trigger_id)
