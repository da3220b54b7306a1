"""Choices of Django's fields whose values are words themselves."""

from collections.abc import Iterable


def words_of(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return each value and how people read it: ``_`` as a space."""
    return tuple((value, value.replace("_", " ")) for value in values)
