"""A tree over columns: which alerts it is true for.

Values are three-valued: an alert that lacks something a comparison needs is neither in nor out
until ``or``, ``coalesce`` or ``is null`` decides, and out in the end. Numbers are double precision,
but that integers compare with integers exactly. Every result that is not finite is null.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.surveys import survey as survey_named
from pipeline.user_filters.functions import BY_NAME, COALESCE, NIGHTS_SINCE, NIGHTS_SINCE_READS
from pipeline.user_filters.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    IsNull,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Or,
    Within,
)

Bools = NDArray[np.bool_]


class Values(NamedTuple):
    """Values of some alerts, or one for all of them.

    Attributes
    ----------
    values : array[n] or scalar
        float64, int64, bool, or object for texts; anything where null.
    valid : bool[n] or None
        False where null; None: nowhere.
    """

    values: Any
    valid: Bools | None


class Truth(NamedTuple):
    """Where something is true, and where it is false; elsewhere it is null.

    ``is_false`` None: wherever it is not true.
    """

    is_true: Any
    is_false: Any | None

    def falsehood(self) -> Any:
        """Return where it is false."""
        return ~np.asarray(self.is_true) if self.is_false is None else self.is_false


class Table(NamedTuple):
    """Columns of some alerts of one survey."""

    survey: str
    size: int
    columns: Mapping[str, Values]


def mask(tree: Node, table: Table) -> Bools:
    """Return for which alerts a checked expression is true.

    Parameters
    ----------
    tree : Node
        As ``check.checked`` returns it.
    table : Table
        With every column of ``check.reads``.

    Returns
    -------
    bool[n]
        False where it is false or null.
    """
    with np.errstate(all="ignore"):  # what is not finite is null
        is_true = _truth(tree, table).is_true
    return np.asarray(np.broadcast_to(is_true, table.size), np.bool_)


def _truth(node: Node, table: Table) -> Truth:
    read = _TRUTHS.get(type(node))
    if read is not None:
        return read(node, table)
    values, valid = _values(node, table)
    return _known(values, valid)


def _values(node: Node, table: Table) -> Values:
    read = _VALUES.get(type(node))
    if read is not None:
        return read(node, table)
    truth = _truth(node, table)
    if truth.is_false is None:
        return Values(truth.is_true, None)
    return Values(truth.is_true, truth.is_true | truth.is_false)


def _known(is_true: Any, valid: Bools | None) -> Truth:
    if valid is None:
        return Truth(is_true, None)
    return Truth(is_true & valid, ~np.asarray(is_true) & valid)


def _both(one: Bools | None, other: Bools | None) -> Bools | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _and(node: And, table: Table) -> Truth:
    found = _truth(node.parts[0], table)
    for part in node.parts[1:]:
        more = _truth(part, table)
        is_false = (
            None
            if found.is_false is None and more.is_false is None
            else found.falsehood() | more.falsehood()
        )
        found = Truth(found.is_true & more.is_true, is_false)
    return found


def _or(node: Or, table: Table) -> Truth:
    found = _truth(node.parts[0], table)
    for part in node.parts[1:]:
        more = _truth(part, table)
        is_false = (
            None
            if found.is_false is None and more.is_false is None
            else found.falsehood() & more.falsehood()
        )
        found = Truth(found.is_true | more.is_true, is_false)
    return found


def _not(node: Not, table: Table) -> Truth:
    return _negated(_truth(node.of, table), is_not=True)


def _negated(truth: Truth, *, is_not: bool) -> Truth:
    if not is_not:
        return truth
    is_false = None if truth.is_false is None else truth.is_true
    return Truth(truth.falsehood(), is_false)


def _compare(node: Comparison, table: Table) -> Truth:
    left, right = _values(node.left, table), _values(node.right, table)
    return _known(_COMPARE[node.sign](left.values, right.values), _both(left.valid, right.valid))


def _between(node: Between, table: Table) -> Truth:
    of, low, high = (_values(each, table) for each in (node.of, node.low, node.high))
    above = _known(of.values >= low.values, _both(of.valid, low.valid))
    below = _known(of.values <= high.values, _both(of.valid, high.valid))
    is_false = (
        None
        if above.is_false is None and below.is_false is None
        else above.falsehood() | below.falsehood()
    )
    return _negated(Truth(above.is_true & below.is_true, is_false), is_not=node.is_not)


def _within(node: Within, table: Table) -> Truth:
    of = _values(node.of, table)
    found: Any = np.False_
    for choice in node.choices:
        found = found | (of.values == _literal(choice).value)
    return _negated(_known(found, of.valid), is_not=node.is_not)


def _literal(node: Node) -> Literal:
    if not isinstance(node, Literal):
        raise TypeError(f"{node} among the choices of in")
    return node


def _is_null(node: IsNull, table: Table) -> Truth:
    valid = _values(node.of, table).valid
    is_null: Any = np.False_ if valid is None else ~valid
    return Truth(~is_null if node.is_not else is_null, None)


def _name(node: Name, table: Table) -> Values:
    return table.columns[node.name]


def _constant(node: Literal, _: Table) -> Values:
    value = node.value
    return Values(np.bool_(value) if isinstance(value, bool) else value, None)


def _negative(node: Negative, table: Table) -> Values:
    values, valid = _values(node.of, table)
    return Values(-_double(values), valid)


def _arithmetic(node: Arithmetic, table: Table) -> Values:
    left, right = _values(node.left, table), _values(node.right, table)
    found = _ARITHMETIC[node.sign](_double(left.values), _double(right.values))
    return _finite(found, _both(left.valid, right.valid))


def _call(node: Call, table: Table) -> Values:
    given = [_values(each, table) for each in node.given]
    if node.function == COALESCE:
        return _coalesce(given, table.size)
    valid = None
    for each in given:
        valid = _both(valid, each.valid)
    if node.function == NIGHTS_SINCE:
        number = survey_named(table.survey).night_number
        own = table.columns[NIGHTS_SINCE_READS]
        found = number(_double(own.values)) - number(_double(given[0].values))
        return _finite(found, _both(valid, own.valid))
    compute: Any = BY_NAME[node.function].compute
    return _finite(compute(*(_double(each.values) for each in given)), valid)


def _coalesce(given: list[Values], size: int) -> Values:
    values, valid = given[0]
    for each in given[1:]:
        if valid is None:
            break
        values = np.where(valid, values, each.values)
        valid = np.ones(size, bool) if each.valid is None else valid | each.valid
    return Values(values, valid)


def _finite(found: Any, valid: Bools | None) -> Values:
    finite = np.isfinite(found)
    if valid is None and finite.all():
        return Values(found, None)
    return Values(found, finite if valid is None else finite & valid)


def _double(values: Any) -> Any:
    """Return numbers in double precision; nothing is computed in integers."""
    return values.astype(np.float64) if isinstance(values, np.ndarray) else np.float64(values)


def _divide(left: Any, right: Any) -> Any:
    return np.where(np.asarray(right) == 0, np.nan, np.divide(left, right))


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: np.asarray(a == b, np.bool_),
    "!=": lambda a, b: np.asarray(a != b, np.bool_),
    "<": lambda a, b: np.asarray(a < b, np.bool_),
    "<=": lambda a, b: np.asarray(a <= b, np.bool_),
    ">": lambda a, b: np.asarray(a > b, np.bool_),
    ">=": lambda a, b: np.asarray(a >= b, np.bool_),
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divide,
}
_TRUTHS: Mapping[type[Node], Callable[[Any, Table], Truth]] = {
    And: _and,
    Or: _or,
    Not: _not,
    Comparison: _compare,
    Between: _between,
    Within: _within,
    IsNull: _is_null,
}
_VALUES: Mapping[type[Node], Callable[[Any, Table], Values]] = {
    Name: _name,
    Literal: _constant,
    Negative: _negative,
    Arithmetic: _arithmetic,
    Call: _call,
}
