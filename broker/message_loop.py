"""The loop of a listener that reads messages: it outlives whoever is away, and says so."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from broker.failpoints import failpoint
from broker.kafka_messages import MessageReader, Received
from broker.outages import OUTAGES

REST_S = 1.0
COMPLAIN_EVERY_S = 10.0
BATCH_MESSAGES = 500
BATCH_BYTES = 32 * 2**20

log = structlog.get_logger(__name__)


class MessageLoop(ABC):
    """Ticks until it is told to end.

    Parameters
    ----------
    rest_s : float
        Pause after a server was away [s].
    """

    def __init__(self, *, rest_s: float = REST_S) -> None:
        self._rest_s = rest_s
        self._complain_at = 0.0

    @abstractmethod
    def tick(self) -> object:
        """Take what comes next; what is at hand is finished first."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back."""

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Tick until ``is_stopping``.

        Raises
        ------
        Fenced
            If another process took this slot; this one must end.
        """
        try:
            while not is_stopping():
                self.tick()
        finally:
            self.close()

    def rest(self, error: BaseException) -> None:
        """Say, not too often, that somebody is away, and give them a moment."""
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY_S
            log.warning("listener.tick_failed", error=str(error)[:500])
        time.sleep(self._rest_s)


class Takes(Protocol):
    """What a loop wants of whoever stores or buries messages."""

    def forget_sources(self) -> None:
        """Ask for the topics' ids again: one may have been made anew."""

    def close(self) -> None:
        """Put away what is open."""


ReceptionT = TypeVar("ReceptionT", bound=Takes)


class ReceptionLoop(MessageLoop, Generic[ReceptionT]):
    """Takes the messages of a group, in order, each once into the tables.

    Parameters
    ----------
    reader : MessageReader
        Hands out messages.
    reception : ReceptionT
        Stores or buries them.
    rest_s : float
        Pause after a server was away [s].
    """

    look_every_s = 10.0
    """Between two looks [s]."""

    def __init__(
        self, reader: MessageReader, reception: ReceptionT, *, rest_s: float = REST_S
    ) -> None:
        super().__init__(rest_s=rest_s)
        self.reader = reader
        self.reception = reception
        self.look_at = 0.0

    @abstractmethod
    def look(self) -> None:
        """Do what no message asks for."""

    def look_when_due(self) -> None:
        """Look, unless that was just done; one that failed is due again."""
        if time.monotonic() >= self.look_at:
            self.look()
            self.look_at = time.monotonic() + self.look_every_s

    def try_letters(self, take: Callable[[], int]) -> int:
        """Take dead letters again, with ``retakes.take_retried``; return how many there were.

        While they cannot be taken, such as for want of a schema that the registry has, what comes
        from Kafka goes on: they are due again at the next look.
        """
        try:
            return take()
        except OUTAGES as error:
            log.warning("letters.not_taken", error=str(error)[:500])
            return 0

    def close(self) -> None:
        """Leave the group, and put away what is open."""
        self.reader.close()
        self.reception.close()

    def commit(self, batch: Sequence[Received]) -> None:
        """Tell the group that these are stored; of each partition the last one comes last."""
        self.reader.commit_all({(m.topic, m.partition): m.offset + 1 for m in batch})

    def take_again(self, batch: Sequence[Received], error: BaseException) -> None:
        """Hand these out once more, after a rest: a server is away, and no message at fault."""
        self.reception.forget_sources()
        first = {(m.topic, m.partition): m for m in reversed(batch)}
        for message in first.values():
            self.reader.rewind(message)
        self.rest(error)


class TakesBatches(Takes, Protocol):
    """What a loop over batches wants of whoever stores or buries them."""

    def take(self, messages: Sequence[Received]) -> None:
        """Store or bury messages; whoever does it twice changes nothing."""


BatchesT = TypeVar("BatchesT", bound=TakesBatches)


class BatchLoop(ReceptionLoop[BatchesT]):
    """Takes messages in batches, each in one transaction, then commits their offsets."""

    poll_s = 0.5
    """A batch that is not full is taken after this time [s]."""

    def tick(self) -> None:
        """Take the next batch; what cannot be stored now is taken again."""
        batch: Sequence[Received] = ()
        try:
            self.look_when_due()
            batch = self.reader.batch(BATCH_MESSAGES, BATCH_BYTES, self.poll_s)
            if batch:
                self._take(batch)
        except OUTAGES as error:
            self.take_again(batch, error)

    def _take(self, batch: Sequence[Received]) -> None:
        self.reception.take(batch)
        failpoint("batch_stored")
        self.commit(batch)
        failpoint("batch_committed")
