"""Answers to commands whose time is over, on the topic beside that of the commands."""

from collections.abc import Callable

from nightjar_telescope.expiry import expired_answer
from nightjar_telescope.messages import CommandAcknowledgment, TelescopeCommand
from nightjar_telescope.producer import KafkaAvroProducer
from nightjar_telescope.record import Record

COMMANDS, ACKNOWLEDGMENTS = "commands", "acknowledgments"

Producer = KafkaAvroProducer[CommandAcknowledgment]


class Answers:
    """Rejects commands; its producers start when there is something to reject.

    Parameters
    ----------
    make : callable
        Takes a topic and returns a producer for it.
    topics : list of str
        Of the commands.
    application : str
        Who answers.

    Raises
    ------
    ValueError
        If a topic's name does not tell where its answers go.
    """

    def __init__(
        self, make: Callable[[str], Producer], topics: list[str], application: str
    ) -> None:
        for topic in topics:
            if not topic.endswith(COMMANDS):
                raise ValueError(
                    f"topic {topic}: where its answers go is known of names that end with"
                    f" {COMMANDS}; pass refuse_expired=False and refuse expired commands yourself"
                )
        self._make = make
        self._application = application
        self._producers: dict[str, Producer] = {}

    async def refuse(self, record: Record, command: TelescopeCommand, late_ms: int) -> None:
        """Answer that a command had expired so long ago [ms].

        Raises
        ------
        BusError
            As of ``KafkaAvroProducer``; then it is not answered, and to be read again.
        InvalidMessageError
            If what it says of itself cannot be answered.
        """
        producer = await self._producer(record.topic)
        await producer.send(expired_answer(command, late_ms, self._application))

    async def stop(self) -> None:
        """Give the connections back."""
        for producer in self._producers.values():
            await producer.stop()
        self._producers.clear()

    async def _producer(self, commands: str) -> Producer:
        if commands not in self._producers:
            producer = self._make(commands.removesuffix(COMMANDS) + ACKNOWLEDGMENTS)
            await producer.start()
            self._producers[commands] = producer
        return self._producers[commands]
