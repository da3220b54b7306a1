"""Mails to whoever runs this, written once each: the app of people lends its outbox at its start.

So a flow that has something to say needs neither a mail server nor the tables of people.
"""

from collections.abc import Mapping
from typing import Any, Protocol


class Outbox(Protocol):
    """Where mails wait until a server has taken them."""

    def post_once(
        self, once: str, to: str, subject: str, template: str, context: Mapping[str, Any]
    ) -> None:
        """Write a mail, if none was written about ``once`` before."""

    def was_posted(self, once: str) -> bool:
        """Tell whether a mail was written about this."""


_lent: list[Outbox] = []


def provide(outbox: Outbox) -> None:
    """Lend an outbox; the last one counts."""
    _lent[:] = [outbox]


def outbox() -> Outbox:
    """Return the outbox; call it with Django set up (``broker.django_tasks``).

    Raises
    ------
    RuntimeError
        If no app has lent one.
    """
    if not _lent:
        raise RuntimeError("no app has an outbox of mails: is accounts installed?")
    return _lent[0]
