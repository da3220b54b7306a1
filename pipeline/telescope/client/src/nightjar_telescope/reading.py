"""librdkafka's consumer, owned by one thread: what was fetched waits until it is taken."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from nightjar_telescope.connection import Connection, log
from nightjar_telescope.errors import UnavailableError
from nightjar_telescope.record import Record, record_of

SESSION_MS = 10_000
"""After a crash, the partitions go to the next member of the group so soon."""
LONGEST_CALLBACK_MS = 86_400_000
"""A callback may observe for hours; Kafka allows a day between two polls."""
COMMIT_MS = 1000
ASSIGNED_S = 15.0
STEP_S = 0.1
ANOTHER = "start another consumer"

Result = TypeVar("Result")


class Reader:
    """Fetches records of a group; they stay in ``waiting`` until somebody takes them.

    Parameters
    ----------
    connection : Connection
        To Kafka.
    topics : list of str
        What is read.
    group_id : str
        The group.
    start : str
        Where a group without offsets begins: earliest or latest.
    commits : bool
        Offsets that are stored are committed by themselves, once a second.
    most : int
        Records of one fetch.
    """

    def __init__(
        self,
        connection: Connection,
        topics: list[str],
        group_id: str,
        start: str,
        *,
        commits: bool,
        most: int,
    ) -> None:
        self.waiting: deque[Record] = deque()
        self._connection = connection
        self._topics = topics
        self._most = most
        self._settings = {
            **connection.settings,
            "group.id": group_id,
            "auto.offset.reset": start,
            "enable.auto.commit": commits,
            "auto.commit.interval.ms": COMMIT_MS,
            "enable.auto.offset.store": False,  # stored when the work on a message is done
            "session.timeout.ms": SESSION_MS,
            "max.poll.interval.ms": LONGEST_CALLBACK_MS,
        }
        self._thread = ThreadPoolExecutor(1, "nightjar-telescope")
        self._consumer: Consumer | None = None

    async def open(self) -> None:
        """Meet the broker and join the group.

        Raises
        ------
        UnavailableError
            If Kafka does not answer within 15 s.
        RefusedError
            If it refuses the login or a topic.
        """
        self._consumer = Consumer(self._settings)
        try:
            for topic in self._topics:
                found = await self._run(self._connection.meet, self._consumer, topic)
                if found.error is not None:
                    log.warning("Kafka: %s: %s; waiting for it", topic, found.error)
        except BaseException:
            await self.close()
            raise
        self._consumer.subscribe(self._topics)

    async def close(self) -> None:
        """Commit what is stored, leave the group, give the connections back."""
        consumer, self._consumer = self._consumer, None
        self.waiting.clear()
        if consumer is not None:
            await self._run(consumer.close)
        self._thread.shutdown(wait=False)

    async def fetch(self, timeout_s: float) -> None:
        """Put what comes within a time into ``waiting``; returns as soon as there is something.

        Raises
        ------
        RefusedError
            If the broker refuses a topic, the group or the login.
        UnavailableError
            If this consumer can do nothing more.
        """
        await self._run(self._fetch, timeout_s)

    def store(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Note up to where the work is done, as the next offset of each partition."""
        for (topic, partition), offset in offsets.items():
            with suppress(KafkaException):  # another member has that partition now
                self._owned().store_offsets(offsets=[TopicPartition(topic, partition, offset)])

    async def commit(self) -> None:
        """Commit what is stored, and wait for the broker's answer.

        Raises
        ------
        UnavailableError
            If it does not take it.
        """
        try:
            await self._run(lambda: self._owned().commit(asynchronous=False))
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                raise UnavailableError(f"Kafka: commit: {error.args[0].str()}") from error

    async def seek(self, offset: int) -> None:
        """Go to an offset, or librdkafka's number of an end, of every partition that we have.

        Raises
        ------
        UnavailableError
            If there is none within 15 s.
        """
        await self._run(self._seek, offset)

    async def _run(self, call: Callable[..., Result], *words: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *words)

    def _owned(self) -> Consumer:
        if self._consumer is None:
            raise RuntimeError("the consumer is not started: call start() first")
        return self._consumer

    def _fetch(self, timeout_s: float) -> None:
        consumer = self._owned()
        if self.waiting:
            return  # of a fetch that its caller gave up
        try:
            first = consumer.poll(timeout_s)
            # Without patience: the first is not kept waiting for more.
            found = [] if first is None else [first, *consumer.consume(self._most - 1, 0)]
        except KafkaException as error:
            raise UnavailableError(f"Kafka: {error.args[0].str()}; {ANOTHER}") from error
        self._connection.raise_refusal()
        self._take(found)

    def _take(self, received: Iterable[Any]) -> None:
        """Keep the messages; then raise what came among them."""
        errors = []
        for each in received:
            if each.error() is None:
                self.waiting.append(record_of(each))
            else:
                errors.append(each.error())
        for error in errors:
            self._connection.raise_if_refused(error, ", ".join(self._topics))
            if error.fatal():
                raise UnavailableError(f"Kafka: {error.str()}; {ANOTHER}")
            log.warning("Kafka: %s", error.str())

    def _seek(self, offset: int) -> None:
        consumer = self._owned()
        deadline = time.monotonic() + ASSIGNED_S
        while True:
            self.waiting.clear()
            try:
                owned = consumer.assignment()
                for each in owned:
                    consumer.seek(TopicPartition(each.topic, each.partition, offset))
            except KafkaException:  # assigned this moment, and not being read yet
                owned = []
            if owned:
                return
            if time.monotonic() > deadline:
                raise UnavailableError(f"Kafka: no partition of {self._topics} within 15 s")
            consumer.poll(STEP_S)  # what it returns is read again, or passed over


def next_offsets(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    """Return the offsets behind records, by partition."""
    return {(each.topic, each.partition): each.offset + 1 for each in records}
