"""From a notice's bytes to a scored alert in one call; no server, no database."""

from dataclasses import dataclass, field

from pipeline.alerts.skymaps import SkyMapError
from pipeline.gw.notices import EARLYWARNING, MOCK, Notice, read_notice
from pipeline.gw.score import PLAN_SCORE, Facts, Score, Thresholds, judge
from pipeline.gw.skymap import SkyMap


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
    thresholds = thresholds or Thresholds()
    sky_map, cause = _read_map(notice)
    if sky_map is None:
        return ScoredAlert(notice, judge(facts_of(notice), thresholds), skymap_cause=cause)
    area_50, area_90, area_95 = (sky_map.area_deg2(level) for level in (0.5, 0.9, 0.95))
    by_region = thresholds.distance_for_score == "region"
    distance_mpc = sky_map.distance_region_mpc if by_region else sky_map.distance_mpc
    return ScoredAlert(
        notice=notice,
        score=judge(facts_of(notice, area_50, area_90, distance_mpc), thresholds),
        sky_map=sky_map,
        area_50_deg2=area_50,
        area_90_deg2=area_90,
        area_95_deg2=area_95,
        distance_mpc=sky_map.distance_mpc,
        distance_std_mpc=sky_map.distance_std_mpc,
        distance_region_mpc=sky_map.distance_region_mpc,
        peak=sky_map.peak,
    )


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
    """Return what decides on a notice, given its map's areas [deg²] and distance [Mpc]."""
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
