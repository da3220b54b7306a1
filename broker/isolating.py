"""Take messages at once; where that fails for no outage, or kills, find the one at fault."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import structlog

from broker.attempts import WHY_DEADLY, Attempts
from broker.kafka_messages import Received
from broker.message_letters import Bad
from broker.outages import OUTAGES

T = TypeVar("T")
Take = Callable[[Sequence[Received]], T]
"""Takes messages in one transaction, all or none."""
Bury = Callable[[Bad], T]
"""Takes a message as a dead letter."""

log = structlog.get_logger(__name__)


def taken(
    attempts: Attempts,
    batch: Sequence[Received],
    sources: Mapping[str, int],
    take: Take[T],
    bury: Bury[T],
) -> Iterator[T]:
    """Yield what taking a batch returns, in as few pieces as can be; what cannot be is buried.

    Parameters
    ----------
    attempts : Attempts
        Of this process.
    batch : sequence of Received
        In the order of each partition's offsets.
    sources : mapping of str to int
        ``sources.id`` by topic.
    take, bury : callable
        What is done with messages, and with one that killed its readers or meets an error of ours.

    Raises
    ------
    OUTAGES
        As both: no message is at fault, take the batch again.
    """
    for piece in attempts.pieces(batch, sources):
        if piece.is_deadly:
            yield bury(Bad(piece.messages[0], "worker_died", WHY_DEADLY))
        else:
            yield from _isolated(piece.messages, take, bury)


def _isolated(messages: Sequence[Received], take: Take[T], bury: Bury[T]) -> Iterator[T]:
    try:
        yield take(messages)
    except OUTAGES:
        raise
    except Exception as error:
        log.exception("messages.not_taken", messages=len(messages))
        if len(messages) == 1:
            trace = "".join(traceback.format_exception(error))
            yield bury(Bad(messages[0], "unexpected", repr(error), trace))
            return
        for message in messages:
            yield from _isolated([message], take, bury)
