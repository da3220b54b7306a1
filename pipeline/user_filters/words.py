"""The words of an expression: numbers, texts, names, signs, each with its place."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.user_filters.tree import ExpressionError

MAX_CHARACTERS = 2000
KEYWORDS = frozenset({"and", "or", "not", "in", "between", "is", "null", "true", "false"})
END = "the end"

_WORD = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<text>'(?:[^'\n]|'')*')"
    r"|(?P<sign><=|>=|<>|!=|==|[-+*/=<>(),])"
)
_SPACE = re.compile(r"\s*")
_OTHERS = {
    '"': "texts stand in single quotes: 'hosted'",
    "'": "this text has no end: another ' is missing",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for unequal",
    "^": "write pow(x, y)",
    "%": "there is no remainder; + - * / are allowed",
    ";": "one expression, without ;",
    "[": "lists stand in round brackets: band in ('g', 'r')",
    "#": "there are no comments here; the description is for them",
}
_SAME = {"==": "=", "<>": "!="}


class Word(NamedTuple):
    """One word: its kind (number, name, keyword, text, sign or end), its value, its place."""

    kind: str
    value: str
    at: int
    end: int

    @property
    def told(self) -> str:
        """Return it as an error names it."""
        return END if self.kind == "end" else self.value


def words(expression: str) -> list[Word]:
    """Cut an expression into words; the last one is of kind ``end``.

    Raises
    ------
    ExpressionError
        For a character that stands for nothing, or too many of them.
    """
    if len(expression) > MAX_CHARACTERS:
        raise ExpressionError(
            f"at most {MAX_CHARACTERS} characters, this has {len(expression)}",
            MAX_CHARACTERS,
            len(expression),
        )
    return list(_cut(expression))


def _cut(expression: str) -> Iterator[Word]:
    at = _skip(expression, 0)
    while at < len(expression):
        found = _WORD.match(expression, at)
        if found is None:
            letter = expression[at]
            hint = _OTHERS.get(letter, f"{letter!r} stands for nothing here")
            raise ExpressionError(hint, at, at + 1)
        yield _word(str(found.lastgroup), found.group(), at)
        at = _skip(expression, found.end())
    yield Word("end", "", len(expression), len(expression))


def _word(kind: str, value: str, at: int) -> Word:
    end = at + len(value)
    if kind == "name" and value.lower() in KEYWORDS:
        return Word("keyword", value.lower(), at, end)
    if kind == "text":
        return Word(kind, value[1:-1].replace("''", "'"), at, end)
    return Word(kind, _SAME.get(value, value), at, end)


def _skip(expression: str, at: int) -> int:
    found = _SPACE.match(expression, at)
    return found.end() if found else at
