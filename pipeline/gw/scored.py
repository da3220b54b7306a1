"""From a notice's bytes to a scored alert in one call; no server, no database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.alerts.skymap_files import SkyMapError
from pipeline.gw.notices import EARLYWARNING, MOCK, Notice, read_notice
from pipeline.gw.score import PLAN_SCORE, Facts, Score, Thresholds, judge
from pipeline.gw.skymap import SkyMap


@dataclass(frozen=True)
class MapNumbers:
    """The numbers of a map that are stored with its notice; those of ``ScoredAlert``."""

    area_50_deg2: float
    area_90_deg2: float
    area_95_deg2: float
    distance_mpc: float | None = None
    distance_std_mpc: float | None = None
    distance_region_mpc: float | None = None
    peak: tuple[float, float] | None = None

    @classmethod
    def of(cls, sky_map: SkyMap) -> "MapNumbers":
        """Return the numbers of a map."""
        return cls(
            sky_map.area_deg2(0.5),
            sky_map.area_deg2(0.9),
            sky_map.area_deg2(0.95),
            sky_map.distance_mpc,
            sky_map.distance_std_mpc,
            sky_map.distance_region_mpc,
            sky_map.peak,
        )


@dataclass(frozen=True)
class ScoredAlert:
    """A notice, what its map says, and its score.

    Attributes
    ----------
    notice : Notice
        As it came.
    score : Score
        The verdict.
    sky_map : SkyMap or None
        None without a readable map.
    skymap_cause : str or None
        Why there is no ``sky_map``.
    area_50_deg2, area_90_deg2, area_95_deg2 : float or None
        Of the credible regions [deg²].
    distance_mpc, distance_std_mpc : float or None
        Of the map [Mpc].
    distance_region_mpc : float or None
        Mean of DISTMU in the 90 % region [Mpc].
    peak : (float, float) or None
        Right ascension and declination of the densest pixel [deg, ICRS].
    """

    notice: Notice
    score: Score
    sky_map: SkyMap | None = field(default=None, repr=False)
    skymap_cause: str | None = None
    area_50_deg2: float | None = None
    area_90_deg2: float | None = None
    area_95_deg2: float | None = None
    distance_mpc: float | None = None
    distance_std_mpc: float | None = None
    distance_region_mpc: float | None = None
    peak: tuple[float, float] | None = None

    def plans_itself(self, *, early_warning: bool = True, mocks: bool = False) -> bool:
        """Tell whether plans are made for it without a question.

        Parameters
        ----------
        early_warning : bool
            Early warnings may (``gw.plan_early_warning``).
        mocks : bool
            Mocks may, as if they were real (``gw.plan_mocks``).
        """
        if self.notice.alert_type == EARLYWARNING and not early_warning:
            return False
        as_real = mocks and self.notice.kind == MOCK
        points = self.score.score_if_real if as_real else self.score.score
        return self.area_90_deg2 is not None and points >= PLAN_SCORE


def score_notice(raw: bytes, thresholds: Thresholds | None = None) -> ScoredAlert:
    """Return the scored alert that a message holds.

    Parameters
    ----------
    raw : bytes
        A notice as on ``igwn.gwalert``.
    thresholds : Thresholds or None
        None: GRANDMA's own.

    Raises
    ------
    BadNotice
        If the notice cannot be used; a bad sky map is no reason, but ``skymap_cause``.
    """
    return score_alert(read_notice(raw), thresholds)


def score_alert(notice: Notice, thresholds: Thresholds | None = None) -> ScoredAlert:
    """Return the scored alert of a notice that was read; see ``score_notice``."""
    sky_map, cause = _read_map(notice)
    numbers = MapNumbers.of(sky_map) if sky_map else None
    return replace(_judged(notice, numbers, cause, thresholds), sky_map=sky_map)


def stored_notice(payload: Mapping[str, Any], kind: str, *, significant: bool) -> Notice:
    """Return a stored notice.

    Parameters
    ----------
    payload : mapping
        ``Notice.payload``.
    kind : str
        Of its row: somebody may have marked it as a mock.
    significant : bool
        Of its row: a retraction is as significant as its event.
    """
    notice = read_notice(json.dumps(payload).encode())
    return replace(notice, kind=kind, significant=significant)


def stored_alert(
    notice: Notice,
    numbers: MapNumbers | None,
    skymap_cause: str | None = None,
    thresholds: Thresholds | None = None,
) -> ScoredAlert:
    """Return the scored alert of a stored notice, without reading its map again.

    Parameters
    ----------
    notice : Notice
        See ``stored_notice``.
    numbers : MapNumbers or None
        Of its map; None without a usable one.
    skymap_cause : str or None
        Why there is none.
    thresholds : Thresholds or None
        Those of the day: if they have changed since, so may the score.
    """
    return _judged(notice, numbers, None if numbers else skymap_cause, thresholds)


def _judged(
    notice: Notice, numbers: MapNumbers | None, cause: str | None, thresholds: Thresholds | None
) -> ScoredAlert:
    thresholds = thresholds or Thresholds()
    if numbers is None:
        return ScoredAlert(notice, judge(facts_of(notice), thresholds), skymap_cause=cause)
    by_region = thresholds.distance_for_score == "region"
    distance_mpc = numbers.distance_region_mpc if by_region else numbers.distance_mpc
    facts = facts_of(notice, numbers.area_50_deg2, numbers.area_90_deg2, distance_mpc)
    return ScoredAlert(notice, judge(facts, thresholds), **vars(numbers))


def _read_map(notice: Notice) -> tuple[SkyMap | None, str | None]:
    if notice.skymap_fits is None:
        return None, notice.skymap_cause
    try:
        return SkyMap.from_fits(notice.skymap_fits), None
    except SkyMapError as error:
        return None, f"the map cannot be used: {error}"


def facts_of(
    notice: Notice,
    area_50_deg2: float | None = None,
    area_90_deg2: float | None = None,
    distance_mpc: float | None = None,
) -> Facts:
    """Return what a score depends on.

    Parameters
    ----------
    notice : Notice
        The notice.
    area_50_deg2, area_90_deg2 : float or None
        Of the credible regions [deg²].
    distance_mpc : float or None
        That is scored [Mpc].
    """
    return Facts(
        alert_type=notice.treated_as,
        kind=notice.kind,
        significant=notice.significant,
        classification=notice.classification,
        group=notice.group,
        area_50_deg2=area_50_deg2,
        area_90_deg2=area_90_deg2,
        distance_mpc=distance_mpc,
        is_joint=notice.external_coinc is not None,
    )
