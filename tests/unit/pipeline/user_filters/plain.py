"""Random expressions, each as text and as a plain Python function of one row; None is null.

Nothing here knows the parser, the tree or NumPy: the rules are written a second time.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

Row = dict[str, Any]

NUMBERS = ("magpsf", "drb", "jd", "ra", "dec", "ndethist", "candid", "photstats.g.rising.rate")
INTEGERS = frozenset({"ndethist", "candid"})
TEXTS = {"class": ("stellar", "hosted", "hostless"), "ssnamenr": ("433", "Ceres", "it's")}
FLAGS = ("rock", "star", "survey_match")
NULLABLE = frozenset({"magpsf", "drb", "photstats.g.rising.rate", "ssnamenr"})
ZTF_NOON_D = 7 / 24
"""Local noon at UTC-7 is 19 h UTC, 7 h after a Julian date begins."""


class Said(NamedTuple):
    """An expression, and what it is of a row."""

    text: str
    of: Callable[[Row], Any]


def rows() -> st.SearchStrategy[list[Row]]:
    """Return some rows; whole numbers are frequent, so that comparisons meet."""
    numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3), st.floats())
    large = st.one_of(st.integers(-3, 3), st.integers(-(2**62), 2**62))
    of = {name: large if name in INTEGERS else numbers.map(_finite) for name in NUMBERS}
    of |= {name: st.sampled_from(words) for name, words in TEXTS.items()}
    of |= {name: st.booleans() for name in FLAGS}
    of["jd"] = st.floats(2460000, 2460010)
    return st.lists(
        st.fixed_dictionaries(
            {name: st.none() | one if name in NULLABLE else one for name, one in of.items()}
        ),
        min_size=1,
        max_size=6,
    )


def expressions() -> st.SearchStrategy[Said]:
    """Return expressions that are true, false or null."""
    return _booleans(3)


def _booleans(depth: int) -> st.SearchStrategy[Said]:
    leaves = [
        st.sampled_from(FLAGS).map(_column),
        st.builds(_compare, _numbers(depth - 1), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
                  _numbers(depth - 1)),
        st.sampled_from(sorted(TEXTS)).flatmap(_about_text),
        st.builds(_is_null, _numbers(depth - 1), st.booleans()),
        st.builds(_between, *[_numbers(depth - 1)] * 3, st.booleans()),
        st.builds(_within, _numbers(depth - 1), st.lists(_literals(), min_size=1, max_size=3),
                  st.booleans()),
    ]  # fmt: skip
    if depth <= 0:
        return leaves[0]
    inner = _booleans(depth - 1)
    return st.one_of(
        *leaves,
        st.builds(_and, inner, inner),
        st.builds(_or, inner, inner),
        inner.map(lambda a: Said(f"not ({a.text})", lambda row: _not(a.of(row)))),
    )


def _numbers(depth: int) -> st.SearchStrategy[Said]:
    leaves = st.one_of(st.sampled_from(NUMBERS).map(_column), _literals())
    if depth <= 0:
        return leaves
    inner = _numbers(depth - 1)
    return st.one_of(
        leaves,
        st.builds(_arithmetic, inner, st.sampled_from("+-*/"), inner),
        inner.map(lambda a: Said(f"-({a.text})", lambda row: _computed(lambda x: -x, a.of(row)))),
        st.builds(_call, st.sampled_from(sorted(_OF_ONE)), inner),
        st.builds(_call_two, st.sampled_from(sorted(_OF_TWO)), inner, inner),
        st.builds(_coalesce, inner, inner),
        inner.map(_nights),
    )


def _literals() -> st.SearchStrategy[Said]:
    whole = st.integers(-5, 5) | st.integers(-(2**62), 2**62)
    return (whole | st.floats(-1e3, 1e3)).map(lambda x: Said(repr(x), lambda _: x))


def _column(name: str) -> Said:
    return Said(name, lambda row: row[name])


def _compare(a: Said, sign: str, b: Said) -> Said:
    return Said(f"({a.text}) {sign} ({b.text})", lambda row: _compared(a.of(row), sign, b.of(row)))


def _compared(a: Any, sign: str, b: Any) -> bool | None:
    if a is None or b is None:
        return None
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
    signs = {"=": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}
    return signs[sign]


def _about_text(name: str) -> st.SearchStrategy[Said]:
    def said(word: str, is_equal: bool) -> Said:
        quoted = word.replace("'", "''")
        sign = "=" if is_equal else "!="
        return Said(
            f"{name} {sign} '{quoted}'",
            lambda row: None if row[name] is None else (row[name] == word) is is_equal,
        )

    return st.builds(said, st.sampled_from(TEXTS[name]), st.booleans())


def _is_null(a: Said, is_not: bool) -> Said:
    words = "is not null" if is_not else "is null"
    return Said(f"({a.text}) {words}", lambda row: (a.of(row) is None) is not is_not)


def _between(a: Said, low: Said, high: Said, is_not: bool) -> Said:
    def of(row: Row) -> bool | None:
        value, least, most = a.of(row), low.of(row), high.of(row)
        found = _all_of(_compared(value, ">=", least), _compared(value, "<=", most))
        return _not(found) if is_not else found

    word = "not between" if is_not else "between"
    return Said(f"({a.text}) {word} ({low.text}) and ({high.text})", of)


def _within(a: Said, choices: list[Said], is_not: bool) -> Said:
    def of(row: Row) -> bool | None:
        value = a.of(row)
        if value is None:
            return None
        return any(_compared(value, "=", each.of(row)) for each in choices) is not is_not

    word = "not in" if is_not else "in"
    return Said(f"({a.text}) {word} ({', '.join(each.text for each in choices)})", of)


def _and(a: Said, b: Said) -> Said:
    return Said(f"({a.text}) and ({b.text})", lambda row: _all_of(a.of(row), b.of(row)))


def _or(a: Said, b: Said) -> Said:
    return Said(
        f"({a.text}) or ({b.text})", lambda row: _not(_all_of(_not(a.of(row)), _not(b.of(row))))
    )


def _all_of(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _not(a: bool | None) -> bool | None:
    return None if a is None else not a


def _arithmetic(a: Said, sign: str, b: Said) -> Said:
    signs = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "/": lambda x, y: x / y,
    }
    return Said(
        f"({a.text}) {sign} ({b.text})", lambda row: _computed(signs[sign], a.of(row), b.of(row))
    )


def _call(name: str, a: Said) -> Said:
    return Said(f"{name}({a.text})", lambda row: _computed(_OF_ONE[name], a.of(row)))


def _call_two(name: str, a: Said, b: Said) -> Said:
    return Said(
        f"{name}({a.text}, {b.text})", lambda row: _computed(_OF_TWO[name], a.of(row), b.of(row))
    )


def _coalesce(a: Said, b: Said) -> Said:
    def of(row: Row) -> Any:
        first = a.of(row)
        return b.of(row) if first is None else first

    return Said(f"coalesce({a.text}, {b.text})", of)


def _nights(a: Said) -> Said:
    def of(row: Row) -> float | None:
        def count(jd: float) -> float:
            return math.floor(row["jd"] - ZTF_NOON_D) - math.floor(jd - ZTF_NOON_D)

        return _computed(count, a.of(row))

    return Said(f"nights_since({a.text})", of)


def _computed(compute: Callable[..., float], *given: Any) -> float | None:
    """Return a result in double precision; None for null, and for what is not finite."""
    if any(each is None for each in given):
        return None
    try:
        found = float(compute(*map(float, given)))
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None
    return _finite(found)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_OF_ONE = {
    "abs": abs,
    "log10": math.log10,
    "ln": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "floor": math.floor,
}
_OF_TWO = {"min": min, "max": max, "pow": lambda x, y: x**y}
