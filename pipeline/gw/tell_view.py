"""Rows as the cards want them: an event's notices, what was decided, where its thread is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from broker.config import Config, config
from broker.db import transaction
from pipeline.gw import share_paths
from pipeline.gw.action_tables import GwDecision, last_decision
from pipeline.gw.cards import Decision, Links
from pipeline.gw.life import CARD
from pipeline.gw.notices import REAL, RETRACTION, read_notice
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.score import GO, NO, Thresholds
from pipeline.gw.scored import MapNumbers, ScoredAlert, stored_alert, stored_notice
from pipeline.gw.steps import Step
from pipeline.gw.suggestion import FOLLOW_UP, NO_FOLLOW_UP
from pipeline.gw.tables import GwAlert, GwSkymap, GwStep

ADVICE = {"follow_up": FOLLOW_UP, "no_follow_up": NO_FOLLOW_UP}
"""A decision's word in its row, and the word that people read."""


@dataclass(frozen=True)
class Event:
    """One event's rows as they are now.

    Attributes
    ----------
    row : GwAlert
        The notice at hand.
    rows : sequence of GwAlert
        All notices of the event, by their number.
    decision : Decision or None
        The last one.
    numbers : dict
        Of each sky map, by ``gw_skymaps.id``.
    outcomes : dict
        How many telescopes can observe, in words, of each notice (``id_gw``) that was planned.
    """

    row: GwAlert
    rows: Sequence[GwAlert]
    decision: Decision | None
    numbers: dict[int, MapNumbers]
    outcomes: dict[int, str]

    @property
    def current(self) -> GwAlert | None:
        """Return the notice that counts; None once the event is retracted."""
        return next((each for each in self.rows if each.state == "current"), None)

    @property
    def retraction(self) -> GwAlert | None:
        """Return the notice that takes the event back, where nothing newer has come."""
        if self.current is not None:
            return None
        found = [each for each in self.rows if each.alert_type == RETRACTION]
        return found[-1] if found else None

    @property
    def end(self) -> GwAlert | None:
        """Return the notice that took the one at hand back, whatever has come since."""
        if self.row.state != "retracted":
            return None
        later = [each for each in self.rows if each.time_created >= self.row.time_created]
        ends = [each for each in later if each.alert_type == RETRACTION]
        return min(ends, key=lambda each: each.time_created, default=None)

    @property
    def previous(self) -> GwAlert | None:
        """Return the newest notice that was made before the one at hand, however late it came."""
        older = [each for each in self.rows if each.time_created < self.row.time_created]
        told = [each for each in older if each.alert_type != RETRACTION]
        return max(told, key=lambda each: each.time_created, default=None)

    def alert(self, row: GwAlert) -> ScoredAlert:
        """Return a row as it was scored."""
        return _alert(row, self.numbers.get(row.skymap_id or 0))


def event_of(step: Step) -> Event:
    """Return the event of a step's notice."""
    with transaction() as session:
        row = session.get_one(GwAlert, step.id_gw)
        found = select(GwAlert).where(GwAlert.trigger_id == row.trigger_id)
        rows = session.scalars(found.order_by(GwAlert.reception_count)).all()
        decided = last_decision(session, row.trigger_id)
        numbers = _numbers(session, rows)
        outcomes = _outcomes(session, rows)
    return Event(row, rows, _decision(decided), numbers, outcomes)


def _outcomes(session: Session, rows: Sequence[GwAlert]) -> dict[int, str]:
    ids = [row.id_gw for row in rows]
    plans = select(GwPlan.id_gw, GwPlan.telescope, GwPlan.state, GwPlan.tile_count)
    planned: dict[int, set[str]] = {}
    able: dict[int, set[str]] = {}
    for plan in session.execute(plans.where(GwPlan.id_gw.in_(ids))):
        planned.setdefault(plan.id_gw, set()).add(plan.telescope)
        if plan.state == "done" and plan.tile_count:
            able.setdefault(plan.id_gw, set()).add(plan.telescope)
    return {
        id_gw: f"{len(able.get(id_gw, ()))} of {len(names)} telescopes can observe"
        for id_gw, names in planned.items()
    }


def channel_of(row: GwAlert, settings: Config | None = None) -> str:
    """Return the channel that is told of an event; empty: nobody is."""
    settings = settings or config()
    return settings.slack.gw_channel if row.kind == REAL else settings.gw.mock_channel


def links_of(row: GwAlert) -> Links:
    """Return the addresses behind a card's buttons."""
    settings = config()
    base, root = settings.owncloud.link_base, settings.owncloud.root
    folder = share_paths.event_folder(root, row.trigger_id) if row.owncloud_url else None
    is_real = row.kind == REAL
    return Links(
        skyportal=settings.gw.skyportal_url.format(id=row.trigger_id) if is_real else None,
        gracedb=read_notice(json.dumps(row.payload_json).encode()).gracedb_url,
        owncloud=share_paths.link(base, row.owncloud_url),
        images=share_paths.link(base, folder and f"{folder}/IMAGES"),
        logbook=share_paths.link(base, folder and f"{folder}/LOGBOOK"),
    )


def card_state(step: Step) -> str | None:
    """Return the state of the step ``card`` of a step's notice; None where nobody wants one."""
    with transaction() as session:
        return session.scalar(
            select(GwStep.state).where(
                GwStep.id_gw == step.id_gw, GwStep.step == CARD, GwStep.key == ""
            )
        )


def map_of(row: GwAlert) -> bytes | None:
    """Return the FITS file of a notice's map."""
    with transaction() as session:
        return session.scalar(select(GwSkymap.fits).where(GwSkymap.id == row.skymap_id))


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


def _alert(row: GwAlert, numbers: MapNumbers | None) -> ScoredAlert:
    """Return a row as the alert that was scored when it came: limits may have changed since."""
    notice = stored_notice(row.payload_json, row.kind, significant=row.significant)
    thresholds = Thresholds.of_settings(config().gw)
    alert = stored_alert(notice, numbers, row.skymap_error, thresholds)
    action = GO if row.action == GO else NO
    return replace(
        alert, score=replace(alert.score, score=row.score, action=action, rule=row.score_rule)
    )


def _numbers(session: Session, rows: Sequence[GwAlert]) -> dict[int, MapNumbers]:
    """Return the numbers of the rows' maps, without reading the maps."""
    ids = [row.skymap_id for row in rows if row.skymap_id]
    maps = select(GwSkymap).options(defer(GwSkymap.fits)).where(GwSkymap.id.in_(ids))
    return {
        each.id: MapNumbers(
            each.area_50_deg2,
            each.area_90_deg2,
            each.area_95_deg2,
            each.distance_mpc,
            each.distance_std_mpc,
            each.distance_region_mpc,
            (each.peak_ra_deg, each.peak_dec_deg),
        )
        for each in session.scalars(maps)
    }


def _decision(row: GwDecision | None) -> Decision | None:
    if row is None:
        return None
    by = row.slack_user or row.decided_by
    return Decision(ADVICE[row.decision], by, row.created_at, row.reason or "")
