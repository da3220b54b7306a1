"""How telescopes are now: whether they accept commands, and whether they are heard of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from broker.config import config
from broker.shown import listed
from pipeline.telescope.record import Telescope
from pipeline.telescope.tables import TelescopeLatestStatus, TelescopeSwitch


@dataclass(frozen=True)
class Health:
    """How one application of a telescope is.

    Attributes
    ----------
    application : str
        Of the telescope's record.
    heard_at : datetime or None
        When our Kafka got its newest status; None: never.
    is_stale : bool
        Silent for longer than ``telescope.stale_after_s``.
    broken : list of str
        Its components that are not operational, with what they say.
    """

    application: str
    heard_at: datetime | None
    is_stale: bool
    broken: list[str]

    @property
    def doubt(self) -> str | None:
        """Why a command should not go there unasked, or None."""
        if self.is_stale:
            since = f"since {self.heard_at:%Y-%m-%d %H:%M:%S} UTC" if self.heard_at else "yet"
            return f"{self.application} has not been heard of {since}"
        if self.broken:
            return f"{self.application} is not operational: {listed(self.broken)}"
        return None


def accepts(switch: TelescopeSwitch | None) -> bool:
    """Return whether a telescope with this switch accepts commands; one without does."""
    return switch is None or switch.accepts_commands


def accepts_commands(session: Session, telescope: str) -> bool:
    """Return whether a telescope accepts commands now."""
    return accepts(session.get(TelescopeSwitch, telescope, populate_existing=True))


def health(session: Session, telescope: Telescope, now: datetime | None = None) -> list[Health]:
    """Return how every application of a telescope's record is."""
    now = now or datetime.now(UTC)
    stale_before = now - timedelta(seconds=config().telescope.stale_after_s)
    rows = session.scalars(
        select(TelescopeLatestStatus)
        .where(TelescopeLatestStatus.telescope == telescope.name)
        .order_by(TelescopeLatestStatus.component)
    ).all()
    found = []
    for application in telescope.settings.applications:
        own = [row for row in rows if row.application == application.name]
        heard_at = max((row.received_at for row in own), default=None)
        fresh = [row for row in own if row.received_at >= stale_before]
        broken = [
            f"{row.component or 'itself'}: {row.message or row.level}"
            for row in fresh
            if not row.is_operational
        ]
        found.append(Health(application.name, heard_at, not fresh, broken))
    return found


def doubts(session: Session, telescope: Telescope, now: datetime | None = None) -> list[str]:
    """Return why a command should not go to a telescope unasked; empty: nothing speaks against."""
    return [each.doubt for each in health(session, telescope, now) if each.doubt]
