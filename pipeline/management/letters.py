"""Acting on many dead letters from a command line."""

import getpass
from collections.abc import Iterator, Sequence

from django.core.management.base import CommandError, OutputWrapper

from broker import dead_letters
from broker.db import transaction
from broker.errors import TransientError
from broker.ranges.second_tries import try_again

PER_TRANSACTION = 1000
SHOWN_REASONS = 10


def operator() -> str:
    """Return who is at the command line, as letters name them."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container's user without a name
        return "command line"


def retry(ids: Sequence[int], by: str, out: OutputWrapper) -> None:
    """Send letters once more; say how many, and why not the others.

    Raises
    ------
    CommandError
        If Kafka does not answer; what was said to be sent stays sent.
    """
    taken, refused = 0, dict[int, str]()
    for part in _parts(ids):
        try:
            tried = try_again(part, by)
        except TransientError as error:
            raise CommandError(f"after {taken} letters: {error}") from error
        taken += len(tried.taken)
        refused |= tried.refused
    out.write(f"{taken} of {len(ids)} dead letters are sent once more.")
    for key, why in list(refused.items())[:SHOWN_REASONS]:
        out.write(f"  not letter {key}: {why}")
    if len(refused) > SHOWN_REASONS:
        out.write(f"  … nor {len(refused) - SHOWN_REASONS} others")


def ignore(ids: Sequence[int], by: str, why: str, out: OutputWrapper) -> None:
    """Close letters with a reason; say how many."""
    ignored = 0
    for part in _parts(ids):
        with transaction() as session:
            ignored += len(dead_letters.ignore(session, part, by, why))
    out.write(f"{ignored} of {len(ids)} dead letters are ignored: {why}")


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), PER_TRANSACTION):
        yield ids[start : start + PER_TRANSACTION]
