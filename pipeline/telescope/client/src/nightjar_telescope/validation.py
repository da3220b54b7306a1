"""What is wrong with a message, by field and limit; nothing that is wrong is sent."""

import math
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, NamedTuple

from nightjar_telescope.messages import Message
from nightjar_telescope.rules import LONG, Required, UnknownAs
from nightjar_telescope.schema import Described, describe

SHOWN = 80
"""Characters of a refused value that its message shows."""


class Problem(NamedTuple):
    """One value that may not be sent.

    Attributes
    ----------
    field : str
        Its place, as ``observation_request.ra``.
    value : object
        What it is.
    limit : str
        What it must be.
    """

    field: str
    value: Any
    limit: str

    def __str__(self) -> str:
        return f"{self.field} = {_short(self.value)}: {self.limit}"


class InvalidMessageError(ValueError):
    """A message that may not be sent.

    Attributes
    ----------
    problems : tuple of Problem
        Everything that is wrong with it.
    """

    def __init__(self, message: Message, found: tuple[Problem, ...]) -> None:
        super().__init__(f"{type(message).__name__}: {'; '.join(map(str, found))}")
        self.problems = found


def validate(message: Message) -> None:
    """Make sure that a message may be sent.

    Types, lengths and ranges are the bus's; what a single telescope allows (frequencies, types,
    longest integration, sky) is known to Nightjar alone.

    Raises
    ------
    InvalidMessageError
        If it may not; it names every field with its limit.
    """
    if found := problems(message):
        raise InvalidMessageError(message, found)


def problems(message: Message) -> tuple[Problem, ...]:
    """Return everything that is wrong with a message; nothing: it may be sent."""
    return tuple(_of_record("", message))


def _of_record(place: str, message: Message) -> Iterator[Problem]:
    for field in describe(type(message)):
        yield from _of_field(f"{place}{field.name}", field, getattr(message, field.name))


def _of_field(place: str, field: Described, value: Any) -> Iterator[Problem]:
    if value is None:
        if not field.is_nullable or any(isinstance(rule, Required) for rule in field.rules):
            yield Problem(place, value, "must not be null")
        return
    if (limit := _wrong_type(field.type, value) or _unfit(value)) is not None:
        yield Problem(place, value, limit)
        return
    for rule in field.rules:
        if not isinstance(rule, UnknownAs) and (limit := rule.refusal(value)) is not None:
            yield Problem(place, value, limit)
            return
    if is_dataclass(field.type):
        yield from _of_record(f"{place}.", value)


def _wrong_type(wanted: type, value: Any) -> str | None:
    is_number = wanted is float and isinstance(value, int)  # an int is a double as well
    if isinstance(value, bool) and wanted is not bool:
        return f"must be {wanted.__name__}, is bool"
    if isinstance(value, wanted) or is_number:
        return None
    return f"must be {wanted.__name__}, is {type(value).__name__}"


def _unfit(value: Any) -> str | None:
    """Return why a value of the right type cannot be carried to its table."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be finite"
    if isinstance(value, int) and not -LONG <= value < LONG:
        return "must fit 64 bits"
    if isinstance(value, datetime) and value.utcoffset() is None:
        return "must have a time zone"
    if isinstance(value, str):
        return _unfit_text(value)
    return None


def _unfit_text(value: str) -> str | None:
    if "\0" in value:
        return "must not contain a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must be text that UTF-8 can carry"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
