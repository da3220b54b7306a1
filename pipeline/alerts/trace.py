"""Why one alert is where it is: each question that was asked of it, with the values compared.

The answers are those that are stored, not asked anew: a gate's name, a class, a counterpart. The
words and thresholds are those in force; ``Trace.is_in_force`` says whether the alert was decided by
the same rules. Rows of LSPSC are looked up again, as the catalog is today.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from broker.config import Config
from broker.db import cursor
from pipeline.alerts import explain, records
from pipeline.alerts.classify import LSST_SEARCH_ARCSEC, rule_version
from pipeline.alerts.crossmatch import match_catalog
from pipeline.alerts.query import public
from pipeline.alerts.query_matches import loaded_catalogs
from pipeline.alerts.records import Row
from pipeline.catalogs.known import LSPSC

SHOWN_ROWS = 10
"""Of LSPSC, the nearest."""
PASSED, STOPPED, YES, NO, NOT_ASKED = "no, passed", "yes, stopped it", "yes", "no", "not asked"
_NAME = re.compile(r"[A-Za-z_]\w*")

Values = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes
    ----------
    question : str
        For people, or a gate's rule.
    expression : str
        The same, exactly; empty for a gate.
    answer : str
        ``open``, ``stopped it``, ``yes``, ``no`` or ``not asked``.
    values : tuple of (str, any)
        Names of the alert's fields that were compared, and what they hold; null stays None.
    """

    question: str
    expression: str
    answer: str
    values: Values


@dataclass(frozen=True)
class Trace:
    """Everything that was asked of one alert, in order."""

    candid: int
    gates: tuple[Asked, ...]
    steps: tuple[Asked, ...]
    match: Asked
    rule_version: str | None
    is_in_force: bool


def of_alert(session: Session, survey: str, candid: int, settings: Config) -> Trace | None:
    """Return why a public alert is where it is; None if there is no such alert."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.ra_deg, a.dec_deg, a.programid, a.candidate, a.gate_reason, a.alert_class,"  # noqa: S608 conditions of ours
            " a.survey_match_id IS NOT NULL, a.rule_version"
            f" FROM alerts AS a WHERE a.survey = %s AND a.candid = %s AND {public()}",
            (survey, candid),
            binary=True,
        )
        found = cur.fetchone()
    if found is None:
        return None
    ra_deg, dec_deg, _, packed, reason, alert_class, is_matched, version = found
    fields: Row = {} if packed is None else records.candidate(survey, packed)
    neighbours = _lspsc(session, ra_deg, dec_deg) if survey == "lsst" else ()
    return Trace(
        candid,
        tuple(_gates(survey, settings, reason, fields)),
        tuple(_steps(survey, settings, alert_class, fields, neighbours)),
        _match(survey, is_matched=is_matched),
        version,
        version == rule_version(settings.route),
    )


def _gates(survey: str, settings: Config, reason: str | None, fields: Row) -> list[Asked]:
    asked, answer = [], PASSED
    for gate in explain.gates(survey, settings):
        if gate.name == reason:
            answer = STOPPED
        if gate.is_on or answer == STOPPED:
            asked.append(Asked(gate.text, "", answer, _compared(gate.text, fields)))
        if answer == STOPPED:
            answer = NOT_ASKED
    return asked


def _steps(
    survey: str, settings: Config, alert_class: str | None, fields: Row, neighbours: Values
) -> list[Asked]:
    asked, answer = [], NO if alert_class else NOT_ASKED
    for step in explain.chart(survey, settings.route).steps:
        if step.alert_class == alert_class:
            answer = YES
        compared = _compared(step.expression, fields) + neighbours
        asked.append(
            Asked(f"{step.question}: {step.alert_class}", step.expression, answer, compared)
        )
        if answer == YES:
            answer = NOT_ASKED
    return asked


def _match(survey: str, *, is_matched: bool) -> Asked:
    words, expression = explain.match_rule(survey, is_matched=True)
    return Asked(words, expression, YES if is_matched else NO, ())


def _compared(text: str, fields: Row) -> Values:
    """Return the fields that a rule names, in its order, each once."""
    names = dict.fromkeys(_NAME.findall(text))
    return tuple((name, _shortest(fields[name])) for name in names if name in fields)


def _shortest(value: Any) -> Any:
    """Return a number of single precision with the digits that it has, not those of a double."""
    if isinstance(value, float) and math.isfinite(value) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value


def _lspsc(session: Session, ra_deg: float, dec_deg: float) -> Values:
    if LSPSC not in loaded_catalogs(session):
        return ()
    place = np.array([ra_deg]), np.array([dec_deg])
    found = match_catalog(session, LSPSC, *place, LSST_SEARCH_ARCSEC, SHOWN_ROWS)
    pairs = zip(found.separation_arcsec.tolist(), found.columns["score"].tolist(), strict=True)
    return tuple((f"LSPSC at {arcsec:.2f}″", score) for arcsec, score in pairs)
