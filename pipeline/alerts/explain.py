"""The rules in force, in words and as expressions; written from the constants that decide.

An expression is Python over the names of the message: a field of ``candidate``, the rows of a
catalog, ``survey_match``. A missing or negative value is NaN, which fails every comparison. The
tests evaluate these very texts beside the classification.
"""

from dataclasses import dataclass

from broker.config import Config
from broker.sections.streams import RouteSettings
from pipeline.alerts import classify
from pipeline.alerts.classify import Rules
from pipeline.alerts.gate import Explanation, explain
from pipeline.alerts.survey_match import match_radius_arcsec
from pipeline.surveys import survey as survey_named
from pipeline.topics import class_topic, other_survey


@dataclass(frozen=True)
class Step:
    """One decision of a flowchart.

    Attributes
    ----------
    alert_class : str
        What the alert is if the answer is yes; if no, the next step is asked.
    question : str
        For people.
    expression : str
        The same, exactly.
    """

    alert_class: str
    question: str
    expression: str


@dataclass(frozen=True)
class Chart:
    """A survey's flowchart: steps from the top, and what is left at its end."""

    survey: str
    steps: tuple[Step, ...]
    otherwise: str

    def expression(self, alert_class: str) -> str:
        """Return when an alert has this class: its own step, and none of those above it."""
        above: list[str] = []
        for step in self.steps:
            if step.alert_class == alert_class:
                return _all_of([*above, step.expression])
            above.append(f"not ({step.expression})")
        return _all_of(above)


def chart(survey: str, route: RouteSettings) -> Chart:
    """Return the flowchart of a survey with the thresholds in force."""
    return _CHARTS[survey](classify.resolve(route))


def match_rule(survey: str, *, is_matched: bool) -> tuple[str, str]:
    """Return when an alert counts as seen by the other survey, in words and as an expression."""
    other = other_survey(survey)
    radius_arcsec = match_radius_arcsec(survey_named(survey), survey_named(other))
    low_deg, high_deg = survey_named(other).dec_range_deg
    named = {"ztf": "a ZTF", "lsst": "an LSST"}[other]
    asked = (
        f"looked for at every alert at declinations {_degrees(low_deg)} to {_degrees(high_deg)};"
        " the nearest counts, and once found it is kept"
    )
    found = f"survey_matches.{other} is not None"
    if is_matched:
        return f"There is {named} object within {radius_arcsec:g}″ ({asked}).", found
    return (
        f"There is no {other.upper()} object within {radius_arcsec:g}″ ({asked}).",
        f"survey_matches.{other} is None",
    )


def gates(survey: str, settings: Config) -> list[Explanation]:
    """Return what is stored and never published, in the order in which it is asked."""
    return explain(survey, settings.gate)


def topic_expression(survey: str, alert_class: str, settings: Config, *, is_matched: bool) -> str:
    """Return the whole condition of a topic, behind the gates."""
    _, match = match_rule(survey, is_matched=is_matched)
    return f"({chart(survey, settings.route).expression(alert_class)})\nand {match}"


def none_rule(settings: Config) -> tuple[str, str]:
    """Return what ``babamul.none`` repeats, in words and as an expression."""
    none = settings.babamul.none
    radius = f"{none.crossmatch_radius_arcsec:g}"
    classes = ("hostless", "unknown") if none.include_unknown else ("hostless",)
    words = (
        f"A second copy of every {' or '.join(classes)} alert of both surveys that has no"
        f" counterpart in the other survey and no source of any loaded archival catalog within"
        f" {radius}″."
    )
    return words, (
        f"alert_class in {classes!r}\nand survey_match is None\n"
        f"and not any(row.separation_arcsec <= {radius} for row in archival_catalogs)"
    )


def topic_parts(name: str) -> tuple[str, bool, str] | None:
    """Return survey, whether matched, and class of a class topic; None for other topics."""
    for survey in _CHARTS:
        for is_matched in (False, True):
            for alert_class in ("stellar", "hosted", "hostless", "unknown"):
                if name == class_topic(survey, alert_class, is_matched=is_matched):
                    return survey, is_matched, alert_class
    return None


def _degrees(angle_deg: float) -> str:
    return f"{angle_deg:g}°".replace("-", "\u2212")


def _ztf(rules: Rules) -> Chart:
    star = (
        f"sgscore1 > {classify.ZTF_STAR_SCORE:g}"
        f" and 0 <= distpsnr1 <= {classify.ZTF_STAR_DISTANCE_ARCSEC:g}"
    )
    colour = f"{classify.ZTF_RED_STAR_COLOUR_MAG:g}"
    red_star = (
        f"sgscore1 > {classify.ZTF_RED_STAR_SCORE:g}"
        f" and 0 <= distpsnr1 <= {classify.ZTF_RED_STAR_DISTANCE_ARCSEC:g}"
        f" and (srmag1 - szmag1 > {colour} or srmag1 - simag1 > {colour})"
    )
    question = "On a star: the nearest PS1 source is point-like and near, or red and very near"
    return Chart(
        "ztf",
        (
            _stellar(question, f"({star}) or ({red_star})", rules),
            Step(
                "hosted",
                "Any of the three nearest PS1 sources is a galaxy",
                f"any(0 <= score {_galaxy(rules)} for score in (sgscore1, sgscore2, sgscore3))",
            ),
        ),
        "hostless",
    )


def _lsst(rules: Rules) -> Chart:
    rows = "lspsc" if rules.lspsc_max_matches is None else f"lspsc[:{rules.lspsc_max_matches}]"
    search = f"{classify.LSST_SEARCH_ARCSEC:g}″"
    near = f"{classify.LSST_STAR_DISTANCE_ARCSEC:g}"
    star = (
        f"any(row.separation_arcsec <= {near} and row.score > {classify.HALF:g} for row in {rows})"
    )
    return Chart(
        "lsst",
        (
            _stellar(f"On a star: a point-like LSPSC source within {near}″", star, rules),
            Step(
                "hosted",
                f"Any LSPSC source within {search} is a galaxy",
                f"any(row.score {_galaxy(rules)} for row in {rows})",
            ),
            Step(
                "hostless",
                f"There is an LSPSC source within {search}, or the position is in its footprint",
                f"len({rows}) > 0 or in_footprint(ra, dec)",
            ),
        ),
        "unknown",
    )


def _stellar(question: str, expression: str, rules: Rules) -> Step:
    if not rules.near_bright_star_is_stellar:
        return Step("stellar", question, expression)
    return Step(
        "stellar", f"{question}; or a bright star is near", f"{expression} or near_brightstar"
    )


def _galaxy(rules: Rules) -> str:
    return f"{'<=' if rules.hosted_threshold_inclusive else '<'} {classify.HALF:g}"


def _all_of(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return "\nand ".join(part if part.startswith("not ") else f"({part})" for part in parts)


_CHARTS = {"ztf": _ztf, "lsst": _lsst}
SURVEYS = tuple(_CHARTS)
