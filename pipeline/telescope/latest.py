"""The newest status of each component: what the board shows, and never more than a board holds."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.telescope.record import telescope
from pipeline.telescope.tables import TelescopeLatestStatus

MOST_COMPONENTS = 100
"""Of one application, and of all applications together that a telescope's record does not name."""
_PLACE = ("source_id", "source_partition", "source_offset")
_TIDY = text("""
    DELETE FROM telescope_latest_status WHERE id IN (
        SELECT id
        FROM (
            SELECT id, received_at, row_number() OVER (
                PARTITION BY CASE WHEN application = ANY (:known) THEN application ELSE '' END
                ORDER BY received_at DESC, id DESC
            ) AS place
            FROM telescope_latest_status
            WHERE telescope = :telescope
                AND (application = ANY (:spoke) OR NOT application = ANY (:known))
        ) AS ranked
        WHERE place > :most OR received_at < :before
    )
""")


def refresh(session: Session, new: Sequence[Mapping[str, Any]]) -> None:
    """Keep the newest status of each component, and let go of what is old or too much.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    new : sequence of mapping
        Columns of statuses that are stored now.
    """
    newest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for said in sorted(new, key=lambda one: (one["received_at"], *(one[name] for name in _PLACE))):
        newest[said["telescope"], said["source_application"], said["component"]] = said
    if not newest:
        return
    kept = [c.name for c in TelescopeLatestStatus.__table__.columns if c.name != "id"]
    rows = [
        {name: said["source_application" if name == "application" else name] for name in kept}
        for _, said in sorted(newest.items())
    ]
    statement = insert(TelescopeLatestStatus)
    key = ("telescope", "application", "component")
    values = {name: statement.excluded[name] for name in kept if name not in key}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_=values,
            where=TelescopeLatestStatus.received_at <= statement.excluded.received_at,
        ),
        rows,
    )
    for name in sorted({of for of, _, _ in newest}):
        _tidy(session, name, {application for of, application, _ in newest if of == name})


def _tidy(session: Session, name: str, spoke: Collection[str]) -> None:
    """Let components go that are too many, or were not heard for long while the others were.

    Of an application that says nothing at all, the board still shows when it was heard last.
    """
    known = [each.name for each in telescope(name).settings.applications]
    before = datetime.now(UTC) - timedelta(days=config().telescope.statuses_days)
    session.execute(
        _TIDY,
        {
            "telescope": name,
            "known": known,
            "spoke": sorted(spoke),
            "most": MOST_COMPONENTS,
            "before": before,
        },
    )
