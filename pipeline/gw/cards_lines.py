"""The lines that GRANDMA's teams read: decisions, claims, and what changed between two notices."""

import math
from collections.abc import Iterator
from datetime import datetime

from pipeline.angles import ARCSEC_PER_DEG
from pipeline.gw import cards_words as words
from pipeline.gw.blocks import escape
from pipeline.gw.scored import ScoredAlert
from pipeline.gw.suggestion import FOLLOW_UP
from pipeline.sky import separation_arcsec

MIN_MOVE_DEG = 0.1
"""A peak that moves less is not told."""
MIN_SHIFT_S = 0.001
"""T0 is written in milliseconds."""


def class_text(alert: ScoredAlert) -> str:
    """Return the most probable class, for notices without any as the seed words it."""
    score = alert.score
    if score.class_name is None:
        return "No classification available"
    return f"{score.class_name} {words.percent(score.class_probability)}"


def distance_text(alert: ScoredAlert) -> str:
    """Return the distance for a line without headings."""
    known = alert.distance_mpc is not None
    return words.distance(alert.distance_mpc) if known else f"distance {words.NONE}"


def decision_line(alert: ScoredAlert, advice: str, *, is_planned: bool = False) -> str:
    """Return the line of a decision for the channel of the observations.

    Parameters
    ----------
    alert : ScoredAlert
        The notice that was decided upon.
    advice : str
        ``FOLLOW UP`` or ``NO FOLLOW UP``.
    is_planned : bool
        The plans are ready.
    """
    verdict = advice
    if advice == FOLLOW_UP:
        verdict += ", the plan is ready" if is_planned else ", waiting for the plan"
    parts = (
        f"New alert: {alert.notice.trigger_id}",
        alert.notice.alert_type,
        class_text(alert),
        f"90 % {words.area(alert.area_90_deg2)}",
        f"50 % {words.area(alert.area_50_deg2)}",
        distance_text(alert),
        f"score {alert.score.text(alert.notice.kind)}",
        verdict,
    )
    return " · ".join(escape(part) for part in parts)


def claim_line(
    telescope: str,
    rank: int,
    tile_id: int,
    ra_deg: float,
    dec_deg: float,
    probability: float,
    alert_type: str,
    time_created: datetime,
) -> str:
    """Return the line in which a team takes a tile, as GRANDMA prescribes it.

    Parameters
    ----------
    telescope : str
        Its name.
    rank, tile_id : int
        Place in the plan, and number of the tile.
    ra_deg, dec_deg : float
        Centre of the tile [deg, ICRS].
    probability : float
        Of the tile, 0 to 1.
    alert_type, time_created : str, datetime
        Of the notice that the plan was made for.
    """
    return (
        f"I received the plan and I will start observing with {escape(telescope)} id {rank} "
        f"tile id {tile_id} RA {ra_deg:.4f} DEC {dec_deg:.4f} probability {probability:.4f} "
        f"on {escape(alert_type)} date {words.moment(time_created)}"
    )


def changes(before: ScoredAlert, after: ScoredAlert) -> list[str]:
    """Return what a notice says otherwise than the one before it, a line for each."""
    pairs = [
        ("Class", class_text(before), class_text(after)),
        ("90 % area", words.area(before.area_90_deg2), words.area(after.area_90_deg2)),
        ("50 % area", words.area(before.area_50_deg2), words.area(after.area_50_deg2)),
        ("Distance", _distance(before), _distance(after)),
        ("False alarm rate", words.rate(before.notice.far_hz), words.rate(after.notice.far_hz)),
        ("Instruments", _instruments(before), _instruments(after)),
        ("Score", before.score.text(before.notice.kind), after.score.text(after.notice.kind)),
    ]
    told = [f"{name}: {escape(old)} → *{escape(new)}*" for name, old, new in pairs if old != new]
    return [*told, *_shifts(before, after)]


def _shifts(before: ScoredAlert, after: ScoredAlert) -> Iterator[str]:
    """Yield how far peak and T0 moved."""
    if before.peak and after.peak:
        moved_deg = float(separation_arcsec(*before.peak, *after.peak)) / ARCSEC_PER_DEG
        if moved_deg >= MIN_MOVE_DEG:
            yield f"Peak of the map moved by *{moved_deg:.1f}°*"
    if before.notice.event_time and after.notice.event_time:
        shift_s = (after.notice.event_time - before.notice.event_time).total_seconds()
        if not math.isclose(shift_s, 0, abs_tol=MIN_SHIFT_S / 2):
            yield f"T0 moved by *{shift_s:+.3f} s*"


def _distance(alert: ScoredAlert) -> str:
    return words.distance(alert.distance_mpc, alert.distance_std_mpc)


def _instruments(alert: ScoredAlert) -> str:
    return " ".join(alert.notice.instruments) or words.NONE
