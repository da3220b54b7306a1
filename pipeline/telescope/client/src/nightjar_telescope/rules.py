"""Rules that a field's value has to keep; each names its limit when it is broken."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

LONG = 2**63
INTEGER_MAX = 2**31 - 1
"""Of a Postgres INTEGER, into which sequence numbers go."""


class Rule(Protocol):
    """What a value, of the field's type and not null, may be."""

    def refusal(self, value: Any) -> str | None:
        """Return what the value must be and is not, or None when it is."""


@dataclass(frozen=True)
class Between:
    """A number within limits, which belong to it unless said otherwise.

    Attributes
    ----------
    low, high : float
        In the field's unit.
    is_open_below, is_open_above : bool
        The limit itself is refused.
    """

    low: float = -math.inf
    high: float = math.inf
    is_open_below: bool = False
    is_open_above: bool = False

    def refusal(self, value: float) -> str | None:
        """Return the limits when the value is outside, as NaN always is."""
        is_above = value > self.low if self.is_open_below else value >= self.low
        is_below = value < self.high if self.is_open_above else value <= self.high
        return None if is_above and is_below else self._words()

    def _words(self) -> str:
        low = f"{'above' if self.is_open_below else 'at least'} {self.low:g}"
        high = f"{'below' if self.is_open_above else 'at most'} {self.high:.10g}"
        said = [low] * math.isfinite(self.low) + [high] * math.isfinite(self.high)
        return f"must be {' and '.join(said)}"


@dataclass(frozen=True)
class Length:
    """A text of so many characters.

    Attributes
    ----------
    low, high : int
        Fewest and most characters.
    """

    low: int
    high: int

    def refusal(self, value: str) -> str | None:
        """Return the limits when the text is shorter or longer."""
        if self.low <= len(value) <= self.high:
            return None
        return f"must have {self.low} to {self.high} characters, has {len(value)}"


@dataclass(frozen=True)
class Pattern:
    """A text of a certain form.

    Attributes
    ----------
    expression : str
        Regular expression for the whole text.
    words : str
        The same for people.
    """

    expression: str
    words: str

    def refusal(self, value: str) -> str | None:
        """Return the form when the text has another."""
        return None if re.fullmatch(self.expression, value) else f"must be {self.words}"


@dataclass(frozen=True)
class OneOf:
    """A text out of a list.

    Attributes
    ----------
    values : collection of str
        The list.
    """

    values: Collection[str]

    def refusal(self, value: str) -> str | None:
        """Return the list when the text is not in it."""
        return None if value in self.values else f"must be one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Never:
    """A field that is always null on the bus.

    Attributes
    ----------
    why : str
        For the message.
    """

    why: str

    def refusal(self, _: Any) -> str | None:
        """Refuse whatever there is."""
        return f"must be null: {self.why}"


@dataclass(frozen=True)
class Required:
    """A nullable field that messages are not sent without."""

    def refusal(self, _: Any) -> str | None:
        """Accept whatever there is; that there is nothing is seen by ``validate``."""
        return None


@dataclass(frozen=True)
class UnknownAs:
    """What a reader takes a symbol for that its enum does not have.

    Attributes
    ----------
    symbol : str
        One that it has.
    """

    symbol: str
