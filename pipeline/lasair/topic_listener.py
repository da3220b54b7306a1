"""The loop over one topic: a batch is stored, then committed."""

from broker.message_loop import BatchLoop
from broker.retakes import take_retried
from pipeline.lasair.reception import TopicReception
from pipeline.topics import LASAIR


class TopicListener(BatchLoop[TopicReception]):
    """Takes the messages of a topic, in order, each once into the tables."""

    def look(self) -> None:
        """Take letters again that shall be."""
        reception = self.reception
        self.try_letters(lambda: take_retried(LASAIR, reception.take_again, topic=reception.topic))
