"""The log of a shift: what came, was decided, planned and taken for one event, as one text.

It is made from rows and written again whenever one of them changes; nobody edits it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import lock, transaction
from broker.errors import TransientError
from pipeline.clients.webdav import content
from pipeline.gw.action_tables import GwDecision
from pipeline.gw.plan_tables import GwClaim, GwPlan, GwPlanTile
from pipeline.gw.share_files import lies_there, share
from pipeline.gw.share_paths import LOG_NAME, LOGBOOK, event_folder
from pipeline.gw.steps import Done, StepFailed
from pipeline.gw.tables import GwAlert

ALIVE = timedelta(days=30)
"""After an event's last notice nothing is expected to be decided or taken any more."""
PERCENT = 100.0

_LOCK = "gw.logbooks"
_OPEN_PLANS = ("wanted", "running")

log = structlog.get_logger(__name__)


class Entry(NamedTuple):
    """One line: when, and what."""

    at: datetime
    text: str


def write_logbooks() -> int:
    """Bring the logs of all living real events up to date on OwnCloud; return how many changed.

    Safe to repeat, and beside a second copy: one of them has the lock. A server in trouble is
    left until the next time.
    """
    root = config().owncloud.root
    with lock(_LOCK) as is_mine:
        if not is_mine or not config().owncloud.url:
            return 0
        written = 0
        for trigger_id, id_gw in _events():
            with transaction() as session:
                text = render(trigger_id, entries(session, trigger_id)).encode()
            path = f"{event_folder(root, trigger_id)}/{LOGBOOK}/{LOG_NAME}"
            if lies_there(path, content(text)):
                continue
            try:
                if not isinstance(share(id_gw, {path: text}), Done):
                    break
            except (TransientError, StepFailed) as error:
                log.warning("logbook.not_written", trigger_id=trigger_id, error=str(error))
                break
            written += 1
        return written


def render(trigger_id: str, found: Iterable[Entry]) -> str:
    """Return the log as Markdown, the oldest line first."""
    ordered = sorted(found, key=lambda entry: entry.at)
    lines = [f"- {entry.at:%Y-%m-%d %H:%M:%S} {entry.text}" for entry in ordered]
    head = f"# {trigger_id}: log of the shift\n\nWritten by Nightjar from its records; times UTC."
    return "\n".join([head, "", *lines, ""])


def entries(session: Session, trigger_id: str) -> list[Entry]:
    """Return what happened to an event, in no order."""
    return [
        *_notices(session, trigger_id),
        *_decisions(session, trigger_id),
        *_plans(session, trigger_id),
        *_claims(session, trigger_id),
    ]


def _events() -> list[tuple[str, int]]:
    """Return the living events with folders, each with its first notice, the newest first."""
    with transaction() as session:
        rows = session.execute(
            select(GwAlert.trigger_id, func.min(GwAlert.id_gw))
            .where(GwAlert.owncloud_url.is_not(None))
            .group_by(GwAlert.trigger_id)
            .having(func.max(GwAlert.received_at) > func.now() - ALIVE)
            .order_by(func.max(GwAlert.received_at).desc())
        )
        return [(row[0], row[1]) for row in rows]


def _notices(session: Session, trigger_id: str) -> list[Entry]:
    rows = session.scalars(select(GwAlert).where(GwAlert.trigger_id == trigger_id))
    return [Entry(row.received_at, f"notice {row.reception_count}: {_notice(row)}") for row in rows]


def _notice(row: GwAlert) -> str:
    facts = [row.alert_type, f"score {row.score}"]
    if row.event_class is not None and row.class_probability is not None:
        facts.append(f"{row.event_class} {PERCENT * row.class_probability:.1f} %")
    if row.area_90_deg2 is not None:
        facts.append(f"90 % in {row.area_90_deg2:.1f} deg²")
    if row.distance_mpc is not None:
        facts.append(f"{row.distance_mpc:.0f} Mpc")
    return ", ".join(facts)


def _decisions(session: Session, trigger_id: str) -> list[Entry]:
    rows = session.scalars(select(GwDecision).where(GwDecision.trigger_id == trigger_id))
    return [
        Entry(
            row.created_at,
            f"decision: {row.decision.replace('_', ' ')}, {_line(row.decided_by)}"
            + (f" ({_line(row.reason)})" if row.reason else ""),
        )
        for row in rows
    ]


def _plans(session: Session, trigger_id: str) -> list[Entry]:
    rows = session.scalars(
        select(GwPlan)
        .join(GwAlert, GwAlert.id_gw == GwPlan.id_gw)
        .where(GwAlert.trigger_id == trigger_id, GwPlan.state.not_in(_OPEN_PLANS))
        .order_by(GwPlan.id)
    )
    return [Entry(row.ended_at or row.created_at, _plan(row)) for row in rows]


def _plan(row: GwPlan) -> str:
    facts = [f"plan {row.telescope} ({row.strategy}): {row.state}"]
    if row.tile_count is not None:
        facts.append(f"{row.tile_count} tiles")
    if row.probability is not None:
        facts.append(f"probability {row.probability:.3f}")
    return ", ".join(facts) + (f" ({_line(row.reason)})" if row.reason else "")


def _claims(session: Session, trigger_id: str) -> list[Entry]:
    rows = session.execute(
        select(GwClaim, GwPlanTile)
        .join(GwPlanTile, GwPlanTile.id == GwClaim.tile_id)
        .join(GwPlan, GwPlan.id == GwClaim.plan_id)
        .join(GwAlert, GwAlert.id_gw == GwPlan.id_gw)
        .where(GwAlert.trigger_id == trigger_id)
        .order_by(GwClaim.telescope, GwPlanTile.rank_id, GwClaim.id)
    )
    return [entry for claim, tile in rows for entry in _claim(claim, tile)]


def _claim(claim: GwClaim, tile: GwPlanTile) -> list[Entry]:
    what = (
        f"{claim.telescope} tile {tile.rank_id} "
        f"(id {tile.tile_id}, RA {tile.ra_deg:.4f}, Dec {tile.dec_deg:.4f})"
    )
    found = [Entry(claim.claimed_at, f"{_line(claim.claimed_by)} takes {what}")]
    if claim.ended_at is not None:
        end = "observed" if claim.state == "done" else "given back"
        found.append(Entry(claim.ended_at, f"{end}: {what}"))
    return found


def _line(text: str) -> str:
    """Return what people wrote as one line of text."""
    return " ".join(text.split())
