"""The functions of expressions: each is a record, and the page's list is made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import sky

Floats = NDArray[np.float64]
MANY = 20
COALESCE = "coalesce"
"""The first that is not null; of one kind, whichever. ``evaluate`` does it, for nulls matter."""
NIGHTS_SINCE = "nights_since"
"""Needs the alert's own time and its survey's noon; ``evaluate`` does it."""
NIGHTS_SINCE_READS = "jd"


@dataclass(frozen=True)
class Function:
    """One function of numbers; null if any of them is, or if the result is not finite.

    Attributes
    ----------
    name : str
        As expressions write it.
    given : tuple of str
        What each argument is, for people.
    most : int
        Arguments at most, where the last may come again.
    meaning : str
        One sentence.
    compute : callable or None
        Arrays or numbers to an array; None where ``evaluate`` does it.
    """

    name: str
    given: tuple[str, ...]
    meaning: str
    compute: Callable[..., Any] | None
    most: int = 0

    @property
    def told(self) -> str:
        """Return how it is written."""
        return f"{self.name}({', '.join(self.given)}{', …' if self.most else ''})"

    def takes(self, count: int) -> bool:
        """Tell whether it can be given so many arguments."""
        return len(self.given) <= count <= max(self.most, len(self.given))


def _least(*given: Any) -> Any:
    return _folded(np.minimum, given)


def _greatest(*given: Any) -> Any:
    return _folded(np.maximum, given)


def _folded(fold: Callable[[Any, Any], Any], given: tuple[Any, ...]) -> Any:
    found = given[0]
    for each in given[1:]:
        found = fold(found, each)
    return found


def _log10(number: Any) -> Any:
    return np.log10(_above_zero(number))


def _ln(number: Any) -> Any:
    return np.log(_above_zero(number))


def _above_zero(number: Any) -> Any:
    return np.where(np.asarray(number) > 0, number, np.nan)


def _power(base: Any, exponent: Any) -> Any:
    return np.power(np.asarray(base, np.float64), exponent)


FUNCTIONS = (
    Function("abs", ("x",), "the number without its sign", np.abs),
    Function("log10", ("x",), "logarithm to base 10; null unless x is above 0", _log10),
    Function("ln", ("x",), "natural logarithm; null unless x is above 0", _ln),
    Function("exp", ("x",), "e to the power of x", np.exp),
    Function("sqrt", ("x",), "square root; null below 0", np.sqrt),
    Function("pow", ("x", "y"), "x to the power of y", _power),
    Function("min", ("x", "y"), "the least of some numbers; null if any is", _least, MANY),
    Function("max", ("x", "y"), "the greatest of some numbers; null if any is", _greatest, MANY),
    Function("floor", ("x",), "the next integer at or below x", np.floor),
    Function(COALESCE, ("x", "y"), "the first that is not null", None, MANY),
    Function(
        "separation_arcsec",
        ("ra", "dec", "ra0", "dec0"),
        "distance of two places on the sky given in degrees [arcsec]",
        sky.separation_arcsec,
    ),
    Function(
        NIGHTS_SINCE,
        ("jd",),
        "nights from that time to the alert's own, counted from local noon to noon",
        None,
    ),
)
BY_NAME: Mapping[str, Function] = MappingProxyType({one.name: one for one in FUNCTIONS})
