"""Which survey's objects a part of a name may mean."""

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_CHARACTERS = 64
RULE = "must begin like ZTF18abc, 18abc, LSST123 or 123"


class Prefix(NamedTuple):
    """A survey, and how the names of its objects begin."""

    survey: str
    text: str


def parse(text: str) -> Prefix | None:
    """Return what a part of a name means, None if no object can bear it.

    ``Z``, ``ZT``, ``ZTF`` are all ZTF objects; ``ZTF`` and one or two digits, and after two up to
    seven letters, begin a ZTF name, as do two digits and letters; ``L`` to ``LSST`` are all LSST
    objects; digits, or ``LSST`` and digits, begin an LSST name.
    """
    if len(text) > MAX_CHARACTERS or not text.isascii():
        return None
    for pattern, survey, form in _FORMS:
        if match := pattern.fullmatch(text):
            return Prefix(survey, form(match))
    return None


_FORMS: tuple[tuple[re.Pattern[str], str, Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"z(t(f)?)?", re.IGNORECASE), "ztf", lambda _: "ZTF"),
    (re.compile(r"l(s(s(t)?)?)?", re.IGNORECASE), "lsst", lambda _: ""),
    (re.compile(r"(?:lsst)?(\d{1,19})", re.IGNORECASE), "lsst", lambda found: found[1]),
    (
        re.compile(r"(?:ztf)?(\d{2})([a-z]{0,7})", re.IGNORECASE),
        "ztf",
        lambda found: f"ZTF{found[1]}{found[2].lower()}",
    ),
    (re.compile(r"ztf(\d)", re.IGNORECASE), "ztf", lambda found: f"ZTF{found[1]}"),
)
