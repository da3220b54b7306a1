"""GRANDMA's score of a GW notice, the rule that decided it, and the cookbook's suggestion.

The score decides by itself (above 1 the plans are made); the suggestion stands beside it for the
shifter, who has the last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from broker.sections.gw import GwSettings
from pipeline.gw.notices import EARLYWARNING, REAL, RETRACTION
from pipeline.gw.suggestion import Limits, Suggestion, suggest

GO: Literal["GO"] = "GO"
NO: Literal["NO"] = "NO"
Action = Literal["GO", "NO"]
LABELS: Mapping[str, str] = {GO: "Should we GO GRANDMA?", NO: "Probably no GRANDMA"}

NEUTRON_STARS = ("BNS", "NSBH")
KNOWN_CLASSES = (*NEUTRON_STARS, "BBH", "Terrestrial")
"""In the order in which equal probabilities are decided: what is lost by waiting comes first."""
PLAN_SCORE = 2
"""From this score on plans are made without a question."""
BURST = "Burst"


@dataclass(frozen=True)
class Thresholds:
    """Where the score changes; comparisons are strict.

    Attributes
    ----------
    bbh_probability_min : float
        A BBH counts above this probability.
    distance_max_mpc : float
        Near is below this [Mpc].
    area_bns_nsbh_max_deg2, area_bbh_max_deg2 : float
        Small is a 90 % area below this [deg²].
    distance_for_score : str
        ``header`` (the map's distance) or ``region`` (``SkyMap.distance_region_mpc``).
    suggestion : Limits
        Of the suggestion.
    """

    bbh_probability_min: float = 0.5
    distance_max_mpc: float = 500
    area_bns_nsbh_max_deg2: float = 500
    area_bbh_max_deg2: float = 500
    distance_for_score: Literal["header", "region"] = "header"
    suggestion: Limits = field(default_factory=Limits)

    @classmethod
    def of_three(
        cls,
        bbh_probability_min: float = 0.5,
        distance_max_mpc: float = 500,
        area_max_deg2: float = 100,
    ) -> "Thresholds":
        """Return thresholds with one area for all classes."""
        return cls(bbh_probability_min, distance_max_mpc, area_max_deg2, area_max_deg2)

    @classmethod
    def of_settings(cls, gw: GwSettings) -> "Thresholds":
        """Return the thresholds of the configuration."""
        return cls(
            gw.bbh_probability_min,
            gw.distance_max_mpc,
            gw.area_bns_nsbh_max_deg2,
            gw.area_bbh_max_deg2,
            gw.distance_for_score,
            Limits(**gw.suggestion.model_dump()),
        )


@dataclass(frozen=True)
class Facts:
    """What of a notice and its map decides.

    Attributes
    ----------
    alert_type, kind : str
        ``Notice.treated_as`` and ``Notice.kind``.
    significant : bool
        As the notice says.
    classification : mapping of str to float
        Probabilities by class.
    group : str or None
        CBC or Burst.
    area_50_deg2, area_90_deg2 : float or None
        Of the credible regions [deg²]; None without a map.
    distance_mpc : float or None
        None without a map, or where it has no distance.
    is_joint : bool
        Found together with a gamma-ray burst or neutrino.
    """

    alert_type: str
    kind: str = REAL
    significant: bool = True
    classification: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None
    area_50_deg2: float | None = None
    area_90_deg2: float | None = None
    distance_mpc: float | None = None
    is_joint: bool = False

    @property
    def is_real(self) -> bool:
        """Tell whether this is an event of the sky that its finders stand behind."""
        return self.kind == REAL and self.significant


@dataclass(frozen=True)
class Score:
    """The verdict on one notice.

    Attributes
    ----------
    score : int
        0 to 3; above 1 plans are made.
    action : str
        ``GO`` or ``NO``.
    rule : str
        Which rule decided, in words.
    class_name : str or None
        The most probable class, None without classification.
    class_probability : float
        Of that class, 0 to 1; 0 without classification.
    score_if_real : int
        What the score would be for a real, significant event: for mocks that shall be planned.
    rule_if_real : str
        Which rule would decide then.
    suggestion : Suggestion
        What the cookbook says; of mocks and tests, what it would say if they were real.
    """

    score: int
    action: Action
    rule: str
    class_name: str | None
    class_probability: float
    score_if_real: int
    rule_if_real: str
    suggestion: Suggestion

    @property
    def label(self) -> str:
        """Return the action as GRANDMA words it."""
        return LABELS[self.action]

    def text(self, kind: str) -> str:
        """Return the score in words; of an event that is not real, what it would be if it were.

        Parameters
        ----------
        kind : str
            ``Notice.kind``.
        """
        if kind == REAL:
            return str(self.score)
        return (
            f"{self.score}: a {kind}; {self.score_if_real} ({self.action_if_real}) if it were real"
        )

    @property
    def action_if_real(self) -> Action:
        """Return what ``score_if_real`` would lead to."""
        return _action(self.score_if_real)


def best_class(classification: Mapping[str, float]) -> tuple[str | None, float]:
    """Return the most probable class and its probability; (None, 0) if there is none."""
    ranks = {name: at for at, name in enumerate(KNOWN_CLASSES)}
    likely = [(-p, ranks.get(name, len(ranks)), name) for name, p in classification.items() if p]
    if not likely:
        return None, 0.0
    probability, _, name = min(likely)
    return name, -probability


def judge(facts: Facts, thresholds: Thresholds) -> Score:
    """Return score, action and suggestion of a notice.

    Parameters
    ----------
    facts : Facts
        An unknown distance or area counts as far or large.
    thresholds : Thresholds
        Strict bounds.
    """
    name, probability = best_class(facts.classification)
    points, rule = _rule(facts, name, probability, thresholds)
    score_if_real, rule_if_real = points, rule
    if not facts.is_real and facts.alert_type != RETRACTION:
        points, rule = 0, _not_real(facts)
    return Score(
        score=points,
        action=_action(points),
        rule=rule,
        class_name=name,
        class_probability=probability,
        score_if_real=score_if_real,
        rule_if_real=rule_if_real,
        suggestion=_suggestion(
            facts, name, points if facts.kind == REAL else score_if_real, thresholds.suggestion
        ),
    )


def _action(points: int) -> Action:
    return GO if points >= PLAN_SCORE else NO


def _not_real(facts: Facts) -> str:
    return "not significant" if facts.kind == REAL else f"no real event: a {facts.kind}"


def _rule(
    facts: Facts, name: str | None, probability: float, thresholds: Thresholds
) -> tuple[int, str]:
    """Return the score of a real event, and why."""
    if why := _why_unscored(facts, name):
        return 0, why
    if name == "BBH":
        return _bbh_rule(facts, probability, thresholds)
    is_close, why = _is_close(facts, thresholds.distance_max_mpc, thresholds.area_bns_nsbh_max_deg2)
    return (3, f"{name}, {why}") if is_close else (2, f"{name}, {why}: try the 50 % region")


def _why_unscored(facts: Facts, name: str | None) -> str:
    if facts.alert_type == RETRACTION:
        return "retracted"
    if facts.group == BURST:
        return "a burst has no class to score"
    if name is None:
        return "no classification"
    if name == "Terrestrial":
        return "most probably noise (Terrestrial); a retraction may follow within 30 min"
    return "" if name in KNOWN_CLASSES else f"class {name} is not scored"


def _bbh_rule(facts: Facts, probability: float, thresholds: Thresholds) -> tuple[int, str]:
    minimum = thresholds.bbh_probability_min
    if probability <= minimum:
        return 0, f"BBH with {probability:.0%}, not above {minimum:.0%}"
    is_close, why = _is_close(facts, thresholds.distance_max_mpc, thresholds.area_bbh_max_deg2)
    return (2, f"BBH, {why}: maybe no counterpart") if is_close else (1, f"BBH, {why}")


def _is_close(facts: Facts, distance_max_mpc: float, area_max_deg2: float) -> tuple[bool, str]:
    """Tell whether an event is near and small, and in which words."""
    distance, area = facts.distance_mpc, facts.area_90_deg2
    is_near = distance is not None and distance < distance_max_mpc
    is_small = area is not None and area < area_max_deg2
    nearness = "distance unknown" if distance is None else "near" if is_near else "far"
    smallness = "area unknown" if area is None else "small" if is_small else "large"
    limits = f"limits {distance_max_mpc:g} Mpc, {area_max_deg2:g} deg²"
    return is_near and is_small, f"{nearness} and {smallness} ({limits})"


def _suggestion(facts: Facts, name: str | None, points: int, limits: Limits) -> Suggestion:
    return suggest(
        class_name=None if facts.alert_type == RETRACTION or facts.group == BURST else name,
        score=points,
        is_early=facts.alert_type == EARLYWARNING,
        area_50_deg2=facts.area_50_deg2,
        area_90_deg2=facts.area_90_deg2,
        distance_mpc=facts.distance_mpc,
        is_joint=facts.is_joint,
        limits=limits,
    )
