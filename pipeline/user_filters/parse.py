"""Words to a tree, by the grammar of ``GRAMMAR``; nothing is looked up and nothing computed."""

from collections.abc import Callable

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
)
from pipeline.user_filters.words import Word, words

MAX_DEPTH = 32
MAX_NODES = 200
GRAMMAR = """\
expression  any or any …
any         part and part …
part        not part, or a comparison
comparison  sum [= != < <= > >= sum]
            sum [not] in (1, 2, 'text', …)
            sum [not] between sum and sum
            sum is [not] null
sum         product + product - product …
product     value * value / value …
value       a number, 'text', true, false, a column, - value, ( expression ),
            function(expression, …)\
"""
COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LARGEST = 2**63 - 1
_CHAINED = "compare twice, with and, or write: x between low and high"
_VALUE = "a number, a 'text', a column, a function or ( is expected"


def parse(expression: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    ExpressionError
        With the place, and what is allowed there.
    """
    parser = _Parser(words(expression))
    tree = parser.expression(0)
    parser.expect_end()
    count = _count(tree)
    if count > MAX_NODES:
        raise ExpressionError(
            f"at most {MAX_NODES} columns, numbers and signs in all, this has {count}",
            0,
            len(expression),
        )
    return tree


def _count(node: Node) -> int:
    return 1 + sum(map(_count, children(node)))


class _Parser:
    """Recursive descent; each method reads one line of the grammar. ``depth`` bounds it."""

    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._next = 0

    def expression(self, depth: int) -> Node:
        return self._joined("or", self._all, Or, depth)

    def expect_end(self) -> None:
        word = self._word
        if word.kind == "end":
            return
        if word.kind == "sign" and word.value in COMPARISONS:
            raise ExpressionError(_CHAINED, word.at, word.end)
        raise ExpressionError(
            f"{word.told} does not belong here: and, or, a comparison, + - * / or the end is "
            "expected",
            word.at,
            word.end,
        )

    @property
    def _word(self) -> Word:
        return self._words[self._next]

    def _take(self) -> Word:
        word = self._word
        self._next += 1
        return word

    def _is(self, kind: str, *values: str) -> bool:
        return self._word.kind == kind and self._word.value in values

    def _expect(self, kind: str, value: str, why: str) -> Word:
        if not self._is(kind, value):
            word = self._word
            raise ExpressionError(f"{why}, not {word.told}", word.at, word.end)
        return self._take()

    def _joined(
        self, keyword: str, read: Callable[[int], Node], kind: type[And] | type[Or], depth: int
    ) -> Node:
        parts = [read(depth)]
        while self._is("keyword", keyword):
            self._take()
            parts.append(read(depth))
        return parts[0] if len(parts) == 1 else kind(parts[0].at, parts[-1].end, tuple(parts))

    def _all(self, depth: int) -> Node:
        return self._joined("and", self._part, And, depth)

    def _part(self, depth: int) -> Node:
        if self._is("keyword", "not"):
            word = self._take()
            of = self._part(self._deeper(depth, word))
            return Not(word.at, of.end, of)
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        left = self._sum(depth)
        if self._word.kind == "sign" and self._word.value in COMPARISONS:
            sign = self._take().value
            right = self._sum(depth)
            found: Node = Comparison(left.at, right.end, sign, left, right)
        elif self._is("keyword", "is"):
            found = self._is_null(left)
        elif self._is("keyword", "in", "between", "not"):
            found = self._range(left, depth)
        else:
            return left
        if self._word.kind == "sign" and self._word.value in COMPARISONS:
            raise ExpressionError(_CHAINED, self._word.at, self._word.end)
        return found

    def _is_null(self, left: Node) -> Node:
        self._take()
        is_not = self._is("keyword", "not")
        if is_not:
            self._take()
        last = self._expect("keyword", "null", "is null or is not null is expected")
        return IsNull(left.at, last.end, left, is_not)

    def _range(self, left: Node, depth: int) -> Node:
        is_not = self._is("keyword", "not")
        if is_not:
            self._take()
        if self._is("keyword", "in"):
            self._take()
            self._expect("sign", "(", "in is followed by (")
            choices = [self._choice()]
            while self._is("sign", ","):
                self._take()
                choices.append(self._choice())
            last = self._expect("sign", ")", "a comma or ) is expected")
            return Within(left.at, last.end, left, tuple(choices), is_not)
        self._expect("keyword", "between", "in or between is expected")
        low = self._sum(depth)
        self._expect("keyword", "and", "between low and high is expected")
        high = self._sum(depth)
        return Between(left.at, high.end, left, low, high, is_not)

    def _choice(self) -> Node:
        """Read a number with its sign, a text, true or false."""
        word = self._word
        if self._is("sign", "-"):
            self._take()
            if self._word.kind == "number":
                return _negative(word, self._literal())
        elif word.kind in ("number", "text") or self._is("keyword", "true", "false"):
            return self._literal()
        word = self._word
        raise ExpressionError(
            f"in (…) holds numbers, 'texts', true or false, not {word.told}", word.at, word.end
        )

    def _sum(self, depth: int) -> Node:
        return self._chain(("+", "-"), self._product, depth)

    def _product(self, depth: int) -> Node:
        return self._chain(("*", "/"), self._value, depth)

    def _chain(self, signs: tuple[str, str], read: Callable[[int], Node], depth: int) -> Node:
        left = read(depth)
        while self._is("sign", *signs):
            word = self._take()
            right = read(depth)
            left = Arithmetic(left.at, right.end, word.value, left, right)
        return left

    def _value(self, depth: int) -> Node:
        word = self._word
        if word.kind in ("number", "text") or self._is("keyword", "true", "false"):
            return self._literal()
        if word.kind == "name":
            self._take()
            return self._call(word, depth) if self._is("sign", "(") else _name(word)
        if self._is("sign", "-"):
            self._take()
            return _negative(word, self._value(self._deeper(depth, word)))
        if self._is("sign", "("):
            self._take()
            inner = self.expression(self._deeper(depth, word))
            self._expect("sign", ")", "and, or, an operator or ) is expected")
            return inner
        raise ExpressionError(self._unexpected(word), word.at, word.end)

    def _unexpected(self, word: Word) -> str:
        if word.value == "null" and word.kind == "keyword":
            return "null is no value: write x is null, or x is not null"
        return f"{_VALUE}, not {word.told}"

    def _call(self, word: Word, depth: int) -> Node:
        deeper = self._deeper(depth, word)
        self._take()
        given = []
        if not self._is("sign", ")"):
            given.append(self.expression(deeper))
            while self._is("sign", ","):
                self._take()
                given.append(self.expression(deeper))
        last = self._expect("sign", ")", "a comma or ) is expected")
        return Call(word.at, last.end, word.value, tuple(given))

    def _literal(self) -> Literal:
        word = self._take()
        if word.kind == "number":
            return Literal(word.at, word.end, _number(word))
        value = word.value if word.kind == "text" else word.value == "true"
        return Literal(word.at, word.end, value)

    def _deeper(self, depth: int, word: Word) -> int:
        if depth >= MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", word.at, word.end)
        return depth + 1


def _name(word: Word) -> Name:
    return Name(word.at, word.end, word.value)


def _negative(sign: Word, of: Node) -> Node:
    if isinstance(of, Literal) and type(of.value) in (int, float):
        return Literal(sign.at, of.end, -of.value)  # type: ignore[operator] # a number
    return Negative(sign.at, of.end, of)


def _number(word: Word) -> int | float:
    """Return an integer where the text is one that fits in 64 bits: ids stay exact."""
    if word.value.isdigit() and int(word.value) <= _LARGEST:
        return int(word.value)
    number = float(word.value)
    if number in (float("inf"), float("-inf")):
        raise ExpressionError("a number up to 1.7e308 is expected", word.at, word.end)
    return number
