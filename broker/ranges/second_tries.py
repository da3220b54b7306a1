"""Send dead letters through once more, as many as can be, and say of the others why not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from broker import retakes
from broker.db import transaction
from broker.dead_letters import RETRIED_STATES, DeadLetter
from broker.ranges.replays import ReplayError, retry_letters
from broker.ranges.whereabouts import ask_brokers


@dataclass(frozen=True)
class Tried:
    """What became of a wish.

    Attributes
    ----------
    taken : list of int
        Letters whose packets are worked again.
    refused : dict of int to str
        Letters whose packets are nowhere, and why.
    passed_over : int
        Letters that are under way already, or resolved.
    """

    taken: list[int]
    refused: dict[int, str]
    passed_over: int

    def why_refused(self) -> list[str]:
        """Return the reasons, the commonest first, each with its number of letters."""
        counts = Counter(self.refused.values()).most_common()
        return [f"{why} ({n} letters)" if n > 1 else why for why, n in counts]


def try_again(ids: Sequence[int], by: str) -> Tried:
    """Retry every letter that can be: by a replay, or by its stream's listener.

    See ``broker.ranges.replays.retry_letters`` and ``broker.retakes``.

    Raises
    ------
    TransientError
        If Kafka does not answer; nothing was changed.
    """
    brokers = ask_brokers(ids)
    with transaction() as session:
        wanted = set(
            session.scalars(
                select(DeadLetter.id)
                .where(DeadLetter.id.in_(ids), DeadLetter.state.in_(RETRIED_STATES))
                .order_by(DeadLetter.id)  # two wishes for the same letters wait, never deadlock
                .with_for_update()
            )
        )
        passed_over = len(set(ids)) - len(wanted)
        asked = retakes.ask(session, sorted(wanted))
        refused = asked.refused
        wanted -= {*asked.taken, *refused}
        while wanted:
            try:
                retry_letters(session, sorted(wanted), by, brokers)
                break
            except ReplayError as error:  # once more if an archive segment goes meanwhile
                if not error.refused:
                    raise
                refused |= error.refused
                wanted -= set(error.refused)
    return Tried(sorted({*wanted, *asked.taken}), refused, passed_over)
