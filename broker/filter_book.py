"""Users' filters as their owners wrote them: the app of people lends its tables at its start.

So the pages of the data can show, start and stop filters, and know no table of people.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

WISHES = ("draft", "live", "stopped", "deleted")
TOPIC_STATES = ("none", "wanted", "there", "removing", "gone")
DIGESTS = ("none", "mail", "slack", "both")
TOPIC_PREFIX = "babamul.filter."
NAME_PATTERN = "[a-z][a-z0-9-]{2,39}"
RESERVED = frozenset({"new", "check", "columns", "trials"})
"""Words that addresses begin with where a name would stand."""


@dataclass(frozen=True)
class FilterVersion:
    """One version of a filter; it never changes.

    Attributes
    ----------
    number : int
        From 1.
    expression : str
        As its owner wrote it, checked.
    created_at : datetime
        UTC.
    """

    number: int
    expression: str
    created_at: datetime


@dataclass(frozen=True)
class UserFilter:
    """One filter, with all its versions, the newest first.

    Attributes
    ----------
    id : int
        ``user_filters.id``.
    name, survey, description : str
        Its own name, whose alerts it sees, its owner's words.
    owner_id, owner_name : str
        Of the account; empty where it is gone. The name is shown to others.
    is_public : bool
        Others may see the definition.
    wish : str
        One of ``WISHES``: what its owner wants.
    live_number : int or None
        The version that is live, or was.
    started_at : datetime or None
        When its owner last wanted it live.
    topic_state, topic_error : str
        One of ``TOPIC_STATES``, and why it is not there yet; empty: nothing went wrong.
    digest : str
        One of ``DIGESTS``.
    """

    id: int
    name: str
    survey: str
    description: str
    owner_id: str
    owner_name: str
    is_public: bool
    wish: str
    live_number: int | None
    started_at: datetime | None
    topic_state: str
    topic_error: str
    digest: str
    created_at: datetime
    versions: tuple[FilterVersion, ...]

    @property
    def topic(self) -> str:
        """Return the Kafka topic of what it catches."""
        return TOPIC_PREFIX + self.name

    @property
    def newest(self) -> FilterVersion:
        """Return the newest version."""
        return self.versions[0]


class FilterBook(Protocol):
    """What can be asked and done; ``account`` is the account of a request.

    Whoever calls has checked the expression. What an account must not do raises
    ``broker.refusals.ApiError`` with the field at fault; what it must not see is not found.
    """

    def own(self, account: Any) -> list[UserFilter]:
        """Return an account's filters that are not deleted, the newest first."""

    def shared(self, search: str, survey: str) -> list[UserFilter]:
        """Return public filters of active accounts; empty words find all."""

    def find(self, account: Any | None, name: str) -> UserFilter | None:
        """Return a filter that is public or the account's own, and not deleted."""

    def create(
        self,
        account: Any,
        name: str,
        survey: str,
        expression: str,
        description: str,
        *,
        is_public: bool,
    ) -> UserFilter:
        """Make a filter with its version 1; its name is nobody else's, ever."""

    def add_version(self, account: Any, name: str, expression: str) -> UserFilter:
        """Add a version; what is live stays so until it is started anew."""

    def describe(
        self, account: Any, name: str, description: str, digest: str, *, is_public: bool
    ) -> UserFilter:
        """Change what is said of a filter, who sees it, and how its owner is told of nights."""

    def start(self, account: Any, name: str, number: int) -> UserFilter:
        """Want a version live; its topic is made if it is not there."""

    def stop(self, account: Any, name: str) -> UserFilter:
        """Want it live no more; its topic stays."""

    def delete(self, account: Any, name: str) -> None:
        """Want it and its topic gone; its name stays taken."""

    def by_id(self, filter_ids: list[int]) -> dict[int, UserFilter]:
        """Return filters whatever became of them, for work that is nobody's request."""

    def address(self, filter_id: int) -> str | None:
        """Return the mail address of an active owner."""


_lent: list[FilterBook] = []


def provide(book: FilterBook) -> None:
    """Lend a book; the last one counts."""
    _lent[:] = [book]


def book() -> FilterBook:
    """Return the book; call it with Django set up (``broker.django_tasks``).

    Raises
    ------
    RuntimeError
        If no app has lent one.
    """
    if not _lent:
        raise RuntimeError("no app has a book of filters: is accounts installed?")
    return _lent[0]
