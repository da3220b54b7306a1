"""Messages of a topic, one after the other: decoded, handed out, and remembered when done."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from nightjar_telescope.answers import Answers
from nightjar_telescope.connection import Connection, log
from nightjar_telescope.decoding import Decoder, Read
from nightjar_telescope.errors import NotDeliveredError, UnavailableError, UndecodableError
from nightjar_telescope.login import application_of
from nightjar_telescope.messages import CommandAcknowledgment, Message, TelescopeCommand
from nightjar_telescope.producer import KafkaAvroProducer
from nightjar_telescope.reading import Reader, next_offsets
from nightjar_telescope.record import Record
from nightjar_telescope.registry import Registry

STEP_S = 0.5
"""Between two looks whether to stop."""
AWAY_S = 1.0
"""Between two tries while the registry is away, or Kafka does not take an answer."""

M = TypeVar("M", bound=Message)
Callback = Callable[[M], Awaitable[None]]
ErrorHandler = Callable[[Exception, Record], Awaitable[None]]


class KafkaAvroConsumer(Generic[M]):
    """Reads messages of one class.

    Offsets are stored after the work on a message, so that a crash repeats and never loses one:
    whoever reads commands carries out each ``command_id`` once. A callback may take hours.

    Parameters
    ----------
    bootstrap_servers : str or list of str
        Kafka's addresses.
    schema_registry_url : str
        With its path, such as ``http://localhost:8081/apis/ccompat/v7``. While it is away,
        messages of schemas not seen before wait.
    topic : str or list of str
        What is read.
    group_id : str
        Consumer group; begins with the principal's name and ``-`` or is it.
    message_class : type of Message
        What messages are read as, whatever version of it they were written with.
    client_id : str, optional
        Name in the broker's logs.
    auto_offset_reset : str
        Where a new group begins: latest or earliest. For commands it is earliest always.
    enable_auto_commit : bool
        Offsets are committed by themselves; else by ``commit`` alone.
    max_poll_records : int
        Most messages that ``poll`` returns.
    security : mapping, optional
        Login, in librdkafka's names.
    refuse_expired : bool
        A command whose time is over is answered ``rejected`` with the code ``expired`` on the
        topic of acknowledgments beside its own, and not handed out.
    source_application : str, optional
        Who answers then; when not given, the application that the login, else the group, is of.

    Attributes
    ----------
    record : Record or None
        What Kafka says of the message that was handed out last, with its headers.
    trouble : str
        Why messages wait at present; empty: they do not.
    """

    def __init__(
        self,
        bootstrap_servers: str | list[str],
        schema_registry_url: str,
        topic: str | list[str],
        group_id: str,
        message_class: type[M],
        client_id: str | None = None,
        auto_offset_reset: str = "latest",
        enable_auto_commit: bool = True,  # noqa: FBT001, FBT002 the field's signature
        max_poll_records: int = 100,
        security: Mapping[str, Any] | None = None,
        *,
        refuse_expired: bool = True,
        source_application: str | None = None,
    ) -> None:
        self.topics = [topic] if isinstance(topic, str) else topic
        self.group_id = group_id
        self.message_class = message_class
        self.record: Record | None = None
        self.trouble = ""
        self._max_poll_records = max_poll_records
        self._registry_url = schema_registry_url
        is_command = issubclass(message_class, TelescopeCommand)
        self._answers = None
        if is_command and refuse_expired:
            self._answers = Answers(
                lambda topic: KafkaAvroProducer(
                    bootstrap_servers,
                    schema_registry_url,
                    topic,
                    CommandAcknowledgment,
                    client_id,
                    security=security,
                ),
                self.topics,
                source_application or application_of(security, group_id),
            )
        self._new_reader: Callable[[], Reader] = lambda: Reader(
            Connection(bootstrap_servers, client_id or f"avro-consumer-{group_id}", security),
            self.topics,
            group_id,
            "earliest" if is_command else auto_offset_reset,
            commits=enable_auto_commit,
            most=max_poll_records,
        )
        self._open: tuple[Reader, Decoder[M]] | None = None
        self._handed: dict[tuple[str, int], int] = {}
        self._is_stopping = False
        self._consuming: asyncio.Task[Any] | None = None
        self._idle = asyncio.Event()

    async def start(self) -> None:
        """Meet Kafka and join the group; the registry is asked when a message comes.

        Raises
        ------
        UnavailableError
            If Kafka does not answer within 15 s.
        RefusedError
            If it refuses the login or the topic.
        """
        if self._open is not None:
            return
        registry = Registry(self._registry_url)
        reader = self._new_reader()
        try:
            await reader.open()
        except BaseException:
            registry.close()
            raise
        self._open = reader, Decoder(self.message_class, registry, self._answers)
        self._is_stopping = False

    async def stop(self) -> None:
        """Commit what is done and leave the group.

        What ``poll`` and ``stream`` handed out counts as done. A callback under way is waited for;
        called out of a callback, ``consume`` ends after it.
        """
        self._is_stopping = True
        if self._consuming is asyncio.current_task():
            return
        if self._consuming is not None:
            await self._idle.wait()
        await self._close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._handed.clear()  # the work on it failed: it comes again
        await self.stop()

    async def consume(
        self,
        callback: Callback[M],
        error_handler: ErrorHandler | None = None,
    ) -> None:
        """Call back with one message after the other, until ``stop``.

        Parameters
        ----------
        callback : coroutine function
            Takes a message. When it returns, the message is done.
        error_handler : coroutine function, optional
            Takes what a callback raised, or why a message could not be read, and the record; when
            it returns, the message is done all the same. Without it, what cannot be read is logged
            and passed over, and what a callback raises ends this call; that message comes again.

        Raises
        ------
        RefusedError
            If the broker refuses topic, group or login, or an answer to an expired command.
        UnavailableError
            If this consumer can do nothing more: start another one.
        Exception
            What ``callback`` raised without ``error_handler``, or what that raised.
        """
        self._started()
        self._consuming = asyncio.current_task()
        self._idle.clear()
        try:
            while not self._is_stopping:
                for read in await self._next(1, STEP_S):
                    await self._handle(read, callback, error_handler)
            await self._close()
        finally:
            self._consuming = None
            self._idle.set()

    async def poll(self, timeout_ms: int = 1000) -> list[M]:
        """Return the next messages, at most ``max_poll_records``; those returned before are done.

        Messages that cannot be read are logged and passed over.

        Parameters
        ----------
        timeout_ms : int
            How long to wait for the first [ms].

        Raises
        ------
        RefusedError, UnavailableError
            As ``consume``.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        self._settle()
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            reads = await self._next(self._max_poll_records, min(left_s, STEP_S))
            self._handed |= next_offsets(read.record for read in reads)
            messages = [self._told(read) for read in reads]
            found = [message for message in messages if message is not None]
            if found or time.monotonic() >= deadline:
                return found

    async def stream(self) -> AsyncIterator[M]:
        """Yield one message after the other; asking for the next says that the last is done.

        Messages that cannot be read are logged and passed over.

        Raises
        ------
        RefusedError, UnavailableError
            As ``consume``.
        """
        while self._open is not None and not self._is_stopping:
            for read in await self._next(1, STEP_S):
                self._handed |= next_offsets([read.record])
                message = self._told(read)
                if message is not None:
                    yield message
                self._settle()

    async def commit(self) -> None:
        """Commit everything that was handed out, the message in the callback included.

        Raises
        ------
        UnavailableError
            If the broker does not take it.
        """
        self._settle()
        await self._started()[0].commit()

    async def seek_to_beginning(self) -> None:
        """Read every partition that we have from its beginning.

        Raises
        ------
        UnavailableError
            If no partition is assigned within 15 s.
        """
        await self._seek(OFFSET_BEGINNING)

    async def seek_to_end(self) -> None:
        """Pass over what every partition that we have holds now.

        Raises
        ------
        UnavailableError
            If no partition is assigned within 15 s.
        """
        await self._seek(OFFSET_END)

    async def _seek(self, offset: int) -> None:
        self._handed.clear()
        await self._started()[0].seek(offset)

    def _started(self) -> tuple[Reader, Decoder[M]]:
        if self._open is None:
            raise RuntimeError("the consumer is not started: call start() first")
        return self._open

    def _settle(self) -> None:
        """Note that what was handed out is done."""
        reader, _ = self._started()
        reader.store(self._handed)
        self._handed.clear()

    async def _close(self) -> None:
        if self._open is None:
            return
        reader, decoder = self._open
        self._settle()
        self._open = None
        await reader.close()
        await decoder.stop()

    async def _handle(
        self,
        read: Read[M],
        callback: Callback[M],
        error_handler: ErrorHandler | None,
    ) -> None:
        self._handed |= next_offsets([read.record])
        try:
            await self._work_on(read, callback, error_handler)
        except BaseException:
            self._handed.clear()  # it comes again
            raise
        self._settle()

    async def _work_on(
        self, read: Read[M], callback: Callback[M], error_handler: ErrorHandler | None
    ) -> None:
        message = self._told(read)
        if message is None:
            if isinstance(read.error, UndecodableError) and error_handler is not None:
                await error_handler(read.error, read.record)
            return
        try:
            await callback(message)
        except Exception as error:
            if error_handler is None:
                raise
            await error_handler(error, read.record)

    def _told(self, read: Read[M]) -> M | None:
        """Return the message of a record; say why when there is none."""
        self.record = read.record
        if read.error is not None:
            where = f"{read.record.topic}[{read.record.partition}] offset {read.record.offset}"
            log.warning("%s: %s", where, read.error)
        return read.message

    async def _next(self, most: int, timeout_s: float) -> list[Read[M]]:
        """Return records, read, and take them off; none: nothing came, or it has to wait."""
        reader, decoder = self._started()
        if not reader.waiting:
            await reader.fetch(timeout_s)
        reads: list[Read[M]] = []
        try:
            for record in list(islice(reader.waiting, most)):
                reads += [await decoder.read(record)]
        except (UnavailableError, NotDeliveredError) as error:
            self._note_trouble(str(error))
            if not reads:
                await asyncio.sleep(AWAY_S)
        else:
            self._note_trouble("")
        # Without a pause from here on: whoever is cancelled before has taken nothing.
        for read in reads:
            if not reader.waiting or reader.waiting[0] is not read.record:
                return []  # somebody went elsewhere meanwhile
            reader.waiting.popleft()
        return reads

    def _note_trouble(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.warning("%s; messages wait", trouble)
        if self.trouble and not trouble:
            log.info("messages come again")
        self.trouble = trouble
