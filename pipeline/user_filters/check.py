"""Whether an expression makes sense of a survey's columns: names, functions, kinds of values."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.alerts.schemas import SURVEYS
from pipeline.user_filters.columns import BOOLEAN, NUMBER, TEXT, FilterColumn, Kind, columns
from pipeline.user_filters.functions import (
    BY_NAME,
    COALESCE,
    NIGHTS_SINCE,
    NIGHTS_SINCE_READS,
    Function,
)
from pipeline.user_filters.parse import parse
from pipeline.user_filters.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    ExpressionError,
    IsNull,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Or,
    Within,
    children,
    names,
)

NEAREST = 3
_EQUAL = frozenset({"=", "!="})


def checked(expression: str, survey: str) -> Node:
    """Return the tree of an expression that can be evaluated on a survey's alerts.

    Raises
    ------
    ExpressionError
        With the place, and what is allowed there.
    KeyError
        For a survey that does not exist.
    """
    tree = parse(expression)
    kind = _Checker(survey).kind(tree)
    if kind != BOOLEAN:
        raise ExpressionError(
            f"this is a {kind}: a comparison is missing, as in magpsf < 19", tree.at, tree.end
        )
    if not names(tree):
        raise ExpressionError("it looks at no column of the alert", tree.at, tree.end)
    return tree


def reads(tree: Node) -> frozenset[str]:
    """Return the columns that are needed to evaluate a tree."""
    return frozenset(names(tree) | ({NIGHTS_SINCE_READS} if _has_nights(tree) else set()))


def _has_nights(node: Node) -> bool:
    is_it = isinstance(node, Call) and node.function == NIGHTS_SINCE
    return is_it or any(map(_has_nights, children(node)))


class _Checker:
    """Says of what kind each node is, or raises; ``kind`` is the only door."""

    def __init__(self, survey: str) -> None:
        self._survey = survey
        self._columns = columns(survey)
        self._rules: Mapping[type[Node], Callable[[Any], Kind]] = {
            Literal: lambda node: _kind_of(node.value),
            Name: lambda node: self._column(node).kind,
            Negative: lambda node: self._all(NUMBER, (node.of,), "a minus stands before numbers"),
            Arithmetic: lambda node: self._all(
                NUMBER, children(node), f"{node.sign} takes numbers"
            ),
            Comparison: self._comparison,
            Between: lambda node: self._true_if(NUMBER, node, "between takes numbers"),
            Within: self._within,
            IsNull: self._is_null,
            Not: lambda node: self._true_if(BOOLEAN, node, "not takes a comparison or a flag"),
            And: lambda node: self._true_if(BOOLEAN, node, "and joins comparisons or flags"),
            Or: lambda node: self._true_if(BOOLEAN, node, "or joins comparisons or flags"),
            Call: self._call,
        }

    def kind(self, node: Node) -> Kind:
        return self._rules[type(node)](node)

    def _true_if(self, kind: Kind, node: Node, rule: str) -> Kind:
        self._all(kind, children(node), rule)
        return BOOLEAN

    def _is_null(self, node: IsNull) -> Kind:
        self.kind(node.of)
        return BOOLEAN

    def _all(self, kind: Kind, nodes: tuple[Node, ...], rule: str) -> Kind:
        for node in nodes:
            found = self.kind(node)
            if found != kind:
                raise ExpressionError(f"{rule}; this is {_told(found)}", node.at, node.end)
        return kind

    def _column(self, node: Name) -> FilterColumn:
        if node.name in self._columns:
            return self._columns[node.name]
        raise ExpressionError(self._unknown(node.name), node.at, node.end)

    def _unknown(self, name: str) -> str:
        said = f"{self._survey.upper()} alerts have no column {name}"
        near = nearest(name, self._columns)
        if near and near[0].lower() == name.lower():
            return f"{said}; it is written {near[0]}"
        others = [one for one in SURVEYS if one != self._survey and name in columns(one)]
        if others:
            return f"{said}; those of {others[0].upper()} have"
        if name in BY_NAME:
            return f"{name} is a function: {BY_NAME[name].told}"
        if not near:
            return f"{said}; a text stands in single quotes: '{name}'"
        return f"{said}; nearest: {', '.join(near)}"

    def _comparison(self, node: Comparison) -> Kind:
        left, right = self.kind(node.left), self.kind(node.right)
        if left != right:
            raise ExpressionError(
                f"{_told(right)} cannot be compared with {_told(left)}",
                node.right.at,
                node.right.end,
            )
        if node.sign not in _EQUAL and left != NUMBER:
            raise ExpressionError(
                f"{node.sign} compares numbers; {_told(left)} is = or != another",
                node.at,
                node.end,
            )
        self._symbols(node.left, (node.right,))
        self._symbols(node.right, (node.left,))
        return BOOLEAN

    def _within(self, node: Within) -> Kind:
        kind = self.kind(node.of)
        for choice in node.choices:
            if self.kind(choice) != kind:
                raise ExpressionError(
                    f"{_told(kind)} cannot be compared with {_told(self.kind(choice))}",
                    choice.at,
                    choice.end,
                )
        self._symbols(node.of, node.choices)
        return BOOLEAN

    def _symbols(self, node: Node, others: tuple[Node, ...]) -> None:
        """Refuse a text that a column never holds: it would be silently false for ever."""
        symbols = self._columns[node.name].symbols if isinstance(node, Name) else ()
        for other in others:
            if symbols and isinstance(other, Literal) and other.value not in symbols:
                raise ExpressionError(
                    f"one of {', '.join(symbols)} is expected", other.at, other.end
                )

    def _call(self, node: Call) -> Kind:
        function = BY_NAME.get(node.function)
        if function is None:
            near = nearest(node.function, BY_NAME)
            known = ", ".join(near or BY_NAME)
            raise ExpressionError(
                f"there is no function {node.function}; {'nearest' if near else 'known'}: {known}",
                node.at,
                node.at + len(node.function),
            )
        if not function.takes(len(node.given)):
            raise ExpressionError(
                f"it is written {function.told}, not with {len(node.given)}", node.at, node.end
            )
        if function.name == COALESCE:
            return self._coalesce(node, function)
        return self._all(NUMBER, node.given, f"{function.told} takes numbers")

    def _coalesce(self, node: Call, function: Function) -> Kind:
        return self._all(
            self.kind(node.given[0]), node.given, f"{function.told} takes values of one kind"
        )


def nearest(name: str, known: Mapping[str, object]) -> list[str]:
    """Return the names that look most like one, capitals aside."""
    lower: dict[str, list[str]] = {}
    for each in known:
        lower.setdefault(each.lower(), []).append(each)
    found = difflib.get_close_matches(name.lower(), lower, NEAREST)
    return [each for one in found for each in lower[one]]


def _kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return BOOLEAN
    return TEXT if isinstance(value, str) else NUMBER


def _told(kind: Kind) -> str:
    return kind if kind == BOOLEAN else f"a {kind}"
