"""The tree that an expression becomes; every node knows where it stands in the text."""

from dataclasses import dataclass, fields


class ExpressionError(ValueError):
    """An expression cannot be used.

    Parameters
    ----------
    text : str
        What is wrong, and what is allowed there.
    at, end : int
        The place in the expression, characters from 0; ``end`` lies behind it.
    """

    def __init__(self, text: str, at: int, end: int) -> None:
        super().__init__(text)
        self.text = text
        self.at = at
        self.end = max(end, at + 1)

    def __str__(self) -> str:
        return f"character {self.at + 1}: {self.text}"

    def shown(self, expression: str) -> str:
        """Return the expression's line with marks below the place, and what is wrong."""
        begin = expression.rfind("\n", 0, self.at) + 1
        line = expression[begin:].split("\n", 1)[0]
        marks = "^" * max(1, min(self.end, begin + len(line)) - self.at)
        return f"{line}\n{' ' * (self.at - begin)}{marks}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of an expression, from character ``at`` up to ``end``."""

    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a text, true or false."""

    value: float | int | str | bool


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """``- of``."""

    of: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``left sign right``, with one of + - * /."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``left sign right``, with one of = != < <= > >=."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Within(Node):
    """``of [not] in (choices)``."""

    of: Node
    choices: tuple[Node, ...]
    is_not: bool


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``of [not] between low and high``, both included."""

    of: Node
    low: Node
    high: Node
    is_not: bool


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """``of is [not] null``."""

    of: Node
    is_not: bool


@dataclass(frozen=True, slots=True)
class Not(Node):
    """``not of``."""

    of: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    """All of ``parts``."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Any of ``parts``."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of ``given``."""

    function: str
    given: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below one, in the order of the text."""
    found: list[Node] = []
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            found.extend(value)
    return tuple(found)


def names(node: Node) -> set[str]:
    """Return the columns that an expression reads."""
    if isinstance(node, Name):
        return {node.name}
    return set().union(*map(names, children(node)))
