"""The loop over one topic: a batch is stored, then committed."""

from collections.abc import Sequence

from broker.failpoints import failpoint
from broker.kafka_messages import Received
from broker.message_loop import ReceptionLoop
from broker.outages import OUTAGES
from broker.retakes import take_retried
from pipeline.lasair.reception import TopicReception
from pipeline.topics import LASAIR

BATCH_MESSAGES = 500
BATCH_BYTES = 32 * 2**20
POLL_S = 0.5


class TopicListener(ReceptionLoop[TopicReception]):
    """Takes the messages of a topic, in order, each once into the tables."""

    def tick(self) -> None:
        """Take the next batch; what cannot be stored now is taken again."""
        batch: Sequence[Received] = ()
        try:
            self.look_when_due()
            batch = self.reader.batch(BATCH_MESSAGES, BATCH_BYTES, POLL_S)
            if batch:
                self._take(batch)
        except OUTAGES as error:
            self.take_again(batch, error)

    def look(self) -> None:
        """Take letters again that shall be."""
        take_retried(LASAIR, self.reception.take_again, topic=self.reception.topic)

    def _take(self, batch: Sequence[Received]) -> None:
        self.reception.take(batch)
        failpoint("batch_stored")
        self.commit(batch)
        failpoint("batch_committed")
