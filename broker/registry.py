"""Records that are declared in one place and looked up by their name."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Named(Protocol):
    """A record with a name."""

    @property
    def name(self) -> str:
        """As declared; no other record of its kind has it."""


Record = TypeVar("Record", bound=Named)


def by_name(kind: str, name: str, records: Iterable[Record]) -> Record:
    """Return the record called ``name``.

    Parameters
    ----------
    kind : str
        What is looked for, for the error: ``survey``.
    name : str
        The name, as declared.
    records : iterable
        All that there are.

    Raises
    ------
    KeyError
        Naming what exists.
    """
    known = {record.name: record for record in records}
    if name not in known:
        raise KeyError(f"no {kind} {name!r}; known: {', '.join(known)}")
    return known[name]
