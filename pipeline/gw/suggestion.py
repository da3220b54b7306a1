"""What GRANDMA's cookbook advises for an event, one tick for each criterion."""

from dataclasses import dataclass
from typing import Literal

FOLLOW_UP: Literal["FOLLOW UP"] = "FOLLOW UP"
NO_FOLLOW_UP: Literal["NO FOLLOW UP"] = "NO FOLLOW UP"
WAIT: Literal["WAIT"] = "WAIT"
Advice = Literal["FOLLOW UP", "NO FOLLOW UP", "WAIT"]

WIDE_FIELD_ONLY = "only telescopes of wide field (TAROT, FRAM)"
NEXT_NOTICE = "wait for the next notice"
STRONG = "every criterion is met"
_MIN_SCORE = 2


@dataclass(frozen=True)
class Limits:
    """Where the suggestion changes; comparisons are strict.

    Attributes
    ----------
    area_deg2, distance_mpc : float
        Small is below this area [deg²], near below this distance [Mpc].
    bbh_near_area_deg2 : float
        A near BBH may have a 90 % area up to this [deg²].
    """

    area_deg2: float = 200
    distance_mpc: float = 200
    bbh_near_area_deg2: float = 1000


@dataclass(frozen=True)
class Criterion:
    """One criterion in words; ``is_met`` is None where the notice does not say."""

    text: str
    is_met: bool | None


@dataclass(frozen=True)
class Suggestion:
    """An advice with its reasons.

    Attributes
    ----------
    advice : str
        ``FOLLOW UP``, ``NO FOLLOW UP`` or ``WAIT``.
    is_strong : bool
        Every criterion speaks for it.
    criteria : tuple of Criterion
        What was looked at; empty where the class alone decided.
    remark : str
        What else to know; may be empty.
    """

    advice: Advice
    is_strong: bool = False
    criteria: tuple[Criterion, ...] = ()
    remark: str = ""


def suggest(
    *,
    class_name: str | None,
    score: int,
    is_early: bool,
    area_50_deg2: float | None,
    area_90_deg2: float | None,
    distance_mpc: float | None,
    is_joint: bool,
    limits: Limits,
) -> Suggestion:
    """Return the cookbook's advice.

    Parameters
    ----------
    class_name : str or None
        The most probable class; only BNS, NSBH and BBH are followed.
    score : int
        GRANDMA's score.
    is_early : bool
        An early warning, whose map is about to change.
    area_50_deg2, area_90_deg2 : float or None
        Of the credible regions [deg²].
    distance_mpc : float or None
        Of the source [Mpc].
    is_joint : bool
        Found together with a gamma-ray burst or neutrino.
    limits : Limits
        Strict bounds.
    """
    small_90 = _below("90 % area", area_90_deg2, limits.area_deg2, "deg²")
    near = _below("distance", distance_mpc, limits.distance_mpc, "Mpc")
    if class_name in {"BNS", "NSBH"}:
        small_50 = _below("50 % area", area_50_deg2, limits.area_deg2, "deg²")
        found = _neutron_star(score, (small_90, small_50, near))
    elif class_name == "BBH":
        medium = _below("90 % area", area_90_deg2, limits.bbh_near_area_deg2, "deg²")
        joint = Criterion("joint with a gamma-ray burst or neutrino", is_joint)
        found = _black_holes(small_90, near, medium, joint)
    else:
        return Suggestion(NO_FOLLOW_UP)
    return Suggestion(WAIT, criteria=found.criteria, remark=NEXT_NOTICE) if is_early else found


def _neutron_star(score: int, one_of: tuple[Criterion, ...]) -> Suggestion:
    enough = Criterion(f"score ≥ {_MIN_SCORE}", score >= _MIN_SCORE)
    criteria = (enough, *one_of)
    if not enough.is_met or not any(each.is_met for each in one_of):
        return Suggestion(NO_FOLLOW_UP, criteria=criteria)
    is_strong = all(each.is_met for each in criteria)
    return Suggestion(FOLLOW_UP, is_strong, criteria, STRONG if is_strong else "")


def _black_holes(
    small: Criterion, near: Criterion, medium: Criterion, joint: Criterion
) -> Suggestion:
    criteria = (small, near, medium, joint)
    if not (small.is_met or (near.is_met and medium.is_met) or joint.is_met):
        return Suggestion(NO_FOLLOW_UP, criteria=criteria)
    is_wide_only = not small.is_met and not near.is_met
    return Suggestion(FOLLOW_UP, criteria=criteria, remark=WIDE_FIELD_ONLY if is_wide_only else "")


def _below(name: str, value: float | None, limit: float, unit: str) -> Criterion:
    is_met = None if value is None else value < limit
    return Criterion(f"{name} < {limit:g} {unit}", is_met)
