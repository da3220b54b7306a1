"""The loop over one topic: a batch is stored, then committed."""

from collections.abc import Sequence

from broker.failpoints import failpoint
from broker.kafka_messages import MessageReader, Received
from broker.message_loop import REST_S, MessageLoop
from broker.outages import OUTAGES
from pipeline.lasair.reception import TopicReception

BATCH_MESSAGES = 500
BATCH_BYTES = 32 * 2**20
POLL_S = 0.5


class TopicListener(MessageLoop):
    """Takes the messages of a topic, in order, each once into the tables.

    Parameters
    ----------
    reader : MessageReader
        Hands out messages.
    reception : TopicReception
        Stores or buries them.
    rest_s : float
        Pause after a server was away [s].
    """

    def __init__(
        self, reader: MessageReader, reception: TopicReception, *, rest_s: float = REST_S
    ) -> None:
        super().__init__(rest_s=rest_s)
        self._reader = reader
        self._reception = reception

    def close(self) -> None:
        """Leave the group, and put away what is open."""
        self._reader.close()
        self._reception.close()

    def tick(self) -> None:
        """Take the next batch; what cannot be stored now is taken again."""
        batch: Sequence[Received] = ()
        try:
            batch = self._reader.batch(BATCH_MESSAGES, BATCH_BYTES, POLL_S)
            if not batch:
                return
            self._reception.take(batch)
            failpoint("batch_stored")
            # The last one of each partition comes last.
            self._reader.commit_all({(m.topic, m.partition): m.offset + 1 for m in batch})
            failpoint("batch_committed")
        except OUTAGES as error:
            self._reception.forget_sources()
            self._take_again(batch)
            self.rest(error)

    def _take_again(self, batch: Sequence[Received]) -> None:
        first = {(m.topic, m.partition): m for m in reversed(batch)}
        for message in first.values():
            self._reader.rewind(message)
