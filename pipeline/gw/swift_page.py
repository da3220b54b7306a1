"""Durations, hardness and fluence as Swift's page of a burst states them.

The page is written by a script for people: what is not found in it is not known.
"""

import re
from dataclasses import asdict, dataclass
from html.parser import HTMLParser

_NUMBER = r"([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_T90 = re.compile(rf"\bT90:\s*{_NUMBER}\s*\+/-\s*{_NUMBER}")
_T90_HARD = re.compile(rf"T90\s+in\s+the\s+50-300\s+keV\s+band:\s*{_NUMBER}\s*sec", re.IGNORECASE)
_HARDNESS = re.compile(
    rf"hardness\s+ratio\s*\(?\s*energy\s+fluence\s+ratio\s*\)?\s*[=:]\s*{_NUMBER}", re.IGNORECASE
)
_FLUENCE_TABLE = re.compile(r"Energy\s+Fluence", re.IGNORECASE)
_FLUENCE = re.compile(rf"(?<![0-9])15\s*-\s*150\s+{_NUMBER}")


@dataclass(frozen=True)
class BatAnalysis:
    """What BAT's analysis says; None where it says nothing.

    Attributes
    ----------
    t90_s, t90_error_s : float or None
        Duration of the middle 90 % of the counts, 15 to 150 keV.
    t90_50_300_s : float or None
        The same in BATSE's band, 50 to 300 keV.
    hardness_ratio : float or None
        Of energy fluences.
    fluence_erg_per_cm2 : float or None
        15 to 150 keV.
    """

    t90_s: float | None = None
    t90_error_s: float | None = None
    t90_50_300_s: float | None = None
    hardness_ratio: float | None = None
    fluence_erg_per_cm2: float | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether the page says nothing."""
        return all(value is None for value in asdict(self).values())


def read(page: bytes) -> BatAnalysis:
    """Return what a page says.

    Parameters
    ----------
    page : bytes
        HTML.
    """
    text = _text(page)
    t90 = _T90.search(text)
    table = _FLUENCE_TABLE.search(text)
    return BatAnalysis(
        float(t90[1]) if t90 else None,
        float(t90[2]) if t90 else None,
        _first(_T90_HARD, text),
        _first(_HARDNESS, text),
        _first(_FLUENCE, text[table.end() :]) if table else None,
    )


def _first(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return float(found[1]) if found else None


class _Text(HTMLParser):
    """Collects what stands between tags."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _text(page: bytes) -> str:
    parser = _Text()
    parser.feed(page.decode("utf-8", "replace"))
    parser.close()
    return "".join(parser.pieces)
