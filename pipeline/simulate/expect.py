"""What must become of each alert: read off the plan, never computed with the pipeline's rules."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.simulate.plan import Source, Visit

_OTHER = {"ztf": "lsst", "lsst": "ztf"}
_ROWS_WITHIN_NONE_RADIUS = {"wide_star", "star", "red_star", "star_and_galaxy"}
"""Patterns with a catalog source within the 2″ of ``babamul.none``."""


@dataclass(frozen=True)
class Expectation:
    """Class, gate and topics of one alert, as the truth table lists them."""

    alert_class: str
    gate: str | None
    topic: str | None
    is_none: bool
    other_topic: str | None
    other_is_none: bool


def expectations(visits: Sequence[Visit]) -> list[Expectation]:
    """Return what is expected of each visit, if alerts arrive in this order."""
    seen: defaultdict[int, set[str]] = defaultdict(set)
    expected = []
    for visit in visits:
        source = visit.source
        is_matched = source.is_match and _OTHER[visit.survey] in seen[source.number]
        expected.append(_expectation(source, visit.survey, is_matched=is_matched))
        seen[source.number].add(visit.survey)
    return expected


def _expectation(source: Source, survey: str, *, is_matched: bool) -> Expectation:
    around = source.surroundings
    alert_class = around.ztf_class if survey == "ztf" else around.lsst_class
    gate = source.gate
    if survey == "ztf" and source.programid != 1:
        gate = "non_public"
    if gate is not None:
        return Expectation(
            alert_class, gate, None, is_none=False, other_topic=None, other_is_none=False
        )
    stands_alone = (
        alert_class == "hostless"
        and not source.is_archival
        and around.name not in _ROWS_WITHIN_NONE_RADIUS
    )
    return Expectation(
        alert_class,
        None,
        _topic(survey, alert_class, is_matched=is_matched),
        is_none=stands_alone and not is_matched,
        other_topic=_topic(survey, alert_class, is_matched=not is_matched)
        if source.is_match
        else None,
        other_is_none=stands_alone and is_matched,
    )


def _topic(survey: str, alert_class: str, *, is_matched: bool) -> str:
    return f"babamul.{survey}.{'' if is_matched else 'no-'}{_OTHER[survey]}-match.{alert_class}"
