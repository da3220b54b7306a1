"""What the search page was asked: the box, and the filters beside it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.alerts import partial_ids
from pipeline.alerts.query import MAX_RADIUS_ARCSEC, MAX_WINDOW_D, Filters
from pipeline.positions import Cone, off_sky, parse_cone
from pipeline.surveys import NAMES
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC, MJD_EPOCH_JD

CLASSES = ("stellar", "hosted", "hostless", "unknown")
MAX_BOX_CHARACTERS = 200

_UNIX_EPOCH_JD_UTC = 2440587.5
_DAY_S = 86_400
_TNS_NAME = re.compile(r"(?:[A-Z]{2,3} ?)?((?:19|20)\d{2}[a-z]{1,7})", re.IGNORECASE)
"""``AT 2026abc``, ``SN2018cow``, ``1987A``: a year always has four digits, in ZTF's names two."""
_GW_NAME = re.compile(r"[MT]?S\d{6}[a-z]{1,8}|GW\d{6}(?:_\d{6})?", re.IGNORECASE)
"""A superevent (also a mock or a test one), or an event of a catalog."""
_LSST_LONG = re.compile(r"LSST-AP-(?:DS|DO)-(\d+)", re.IGNORECASE)
_ZTF_NAME = re.compile(r"ZTF\d{2}[a-z]{7}", re.IGNORECASE)
_INTEGER = re.compile(r"\d{1,19}")
INT64_MAX = 2**63 - 1
"""Of an alert's number; a larger one would be compared as numeric, past every index."""
_FIRST_MJD = FIRST_JD_UTC - MJD_EPOCH_JD
_LAST_MJD = LAST_JD_UTC - MJD_EPOCH_JD


@dataclass
class Question:
    """A checked question; ``problems`` says by field what could not be understood.

    Attributes
    ----------
    cone : Cone or None
        The box holds a position.
    number : int or None
        The box holds a whole number: an LSST object or an alert of either survey.
    name : (str, str) or None
        The box holds the whole name of an object: survey and name.
    prefix : Prefix or None
        The box holds a part of a name.
    event : str
        The box holds the name of an event of gravitational waves; empty: it does not.
    tns : str
        The box holds a name of the Transient Name Server, in lower case; empty: it does not.
    """

    text: str
    surveys: tuple[str, ...]
    filters: Filters
    cone: Cone | None = None
    number: int | None = None
    name: tuple[str, str] | None = None
    prefix: partial_ids.Prefix | None = None
    event: str = ""
    tns: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def has_filters(self) -> bool:
        """Return whether anything but the box and the survey was chosen."""
        return self.filters != Filters()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was asked."""
        return not self.text and not self.has_filters


def read(given: Mapping[str, str]) -> Question:
    """Return the question of a form."""
    problems: dict[str, str] = {}
    survey = given.get("survey", "")
    if survey not in {"", *NAMES}:
        problems["survey"] = f"must be {' or '.join(NAMES)}"
    alert_class = given.get("class", "")
    if alert_class not in {"", *CLASSES}:
        problems["class"] = f"must be one of {', '.join(CLASSES)}"
    numbers = {
        name: _number(given, name, problems)
        for name in ("min_mag", "max_mag", "min_score", "max_score")
    }
    filters = Filters(
        start_jd=_time(given, "after", problems),
        end_jd=_time(given, "before", problems),
        min_magpsf=numbers["min_mag"],
        max_magpsf=numbers["max_mag"],
        min_score=numbers["min_score"],
        max_score=numbers["max_score"],
        alert_class=alert_class or None,
    )
    question = Question(
        text=" ".join(given.get("q", "").split())[:MAX_BOX_CHARACTERS],
        surveys=(survey,) if survey in NAMES else NAMES,
        filters=filters,
        problems=problems,
    )
    _read_box(question)
    _check_window(question)
    return question


def parse_time(text: str) -> float | None:
    """Return a time [JD, UTC] from JD, MJD, or a date with or without time; None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return _parse_date(text)
    if _FIRST_MJD <= value <= _LAST_MJD:
        return value + MJD_EPOCH_JD
    return value if FIRST_JD_UTC <= value <= LAST_JD_UTC else None


def _parse_date(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    jd_utc = moment.timestamp() / _DAY_S + _UNIX_EPOCH_JD_UTC
    return jd_utc if FIRST_JD_UTC <= jd_utc <= LAST_JD_UTC else None


def _read_box(question: Question) -> None:
    text = question.text
    if not text:
        return
    if match := _LSST_LONG.fullmatch(text):
        text = match[1]
    if match := _TNS_NAME.fullmatch(text):
        question.tns = match[1].lower()
    elif _GW_NAME.fullmatch(text):
        digits = next(at for at, letter in enumerate(text) if letter.isdigit())
        question.event = text[:digits].upper() + text[digits:].lower()
    elif _ZTF_NAME.fullmatch(text):
        question.name = ("ztf", text[:5].upper() + text[5:].lower())
    elif _INTEGER.fullmatch(text) and int(text) <= INT64_MAX:
        question.number = int(text)
        question.prefix = partial_ids.parse(text)
    elif (prefix := partial_ids.parse(text)) is not None:
        question.prefix = prefix
    elif (cone := parse_cone(text)) is not None:
        question.cone = cone
        _check_cone(question, cone)
    else:
        question.problems["q"] = (
            "this is no ZTF, LSST or TNS name, no alert's number, and no position like "
            "150.1 2.2 5 or 10:00:24.1 +02:12:00"
        )


def _check_cone(question: Question, cone: Cone) -> None:
    if (problem := off_sky(cone)) is not None:
        question.problems["q"] = problem
    elif not 0 < cone.radius_arcsec <= MAX_RADIUS_ARCSEC:
        question.problems["q"] = f"the radius must be in (0, {MAX_RADIUS_ARCSEC:g}] arcsec"


def _check_window(question: Question) -> None:
    """Refuse filters alone without a time of at most a day: nothing else would find a few."""
    filters, problems = question.filters, question.problems
    start, end = filters.start_jd, filters.end_jd
    if start is not None and end is not None and start > end:
        problems.setdefault("before", "must not be before the first time")
    if question.text or not question.has_filters or problems:
        return
    if start is None or end is None:
        problems["after"] = "without a name or a position, give both times"
    elif end - start > MAX_WINDOW_D:
        problems["before"] = "without a name or a position, at most a day after the first time"


def _number(given: Mapping[str, str], name: str, problems: dict[str, str]) -> float | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    problems[name] = "must be a number"
    return None


def _time(given: Mapping[str, str], name: str, problems: dict[str, str]) -> float | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    found = parse_time(text)
    if found is None:
        problems[name] = "must be a date (UTC), a JD or an MJD"
    return found
