"""Messages into one topic: checked, encoded, and acknowledged by the broker."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from nightjar_telescope.avro import frame
from nightjar_telescope.connection import REFUSALS, Connection
from nightjar_telescope.errors import NotDeliveredError, RefusedError, UnavailableError
from nightjar_telescope.messages import KINDS, Message
from nightjar_telescope.registry import Registry

TRIES_AT_START = 3
RECHECK_S = 60.0
"""So often, while messages are sent, the registry is asked whether our schema still has its id."""
DELIVERY_S = 30.0
MESSAGE_BYTES = 9 * 2**20
"""Largest message: telescope.data takes 8 MiB, and headers come on top."""
SERVE_S = 0.1
FAILED_S = 5.0
"""Between two looks at a producer that fails every message: its log is not filled."""
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
FULL_QUEUE_S = 0.05
ANY_PARTITION = -1

M = TypeVar("M", bound=Message)
Headers = Mapping[str, bytes | str]

log = logging.getLogger("nightjar_telescope")


class KafkaAvroProducer(Generic[M]):
    """Writes messages of one class to one topic.

    Parameters
    ----------
    bootstrap_servers : str or list of str
        Kafka's addresses.
    schema_registry_url : str
        With its path, such as ``http://localhost:8081/apis/ccompat/v7``. It is needed at
        ``start``; should it be away later, sending goes on and the log says so.
    topic : str
        Where messages go; the schema is looked up under the subject ``{topic}-value``.
    schema_class : type of Message
        What is sent.
    client_id : str, optional
        Name in the broker's logs.
    compression_type : str
        none, gzip, snappy, lz4 or zstd.
    max_batch_size : int
        Largest batch [bytes].
    linger_ms : int
        How long a message waits for others to go with [ms].
    security : mapping, optional
        Login, in librdkafka's names.
    """

    def __init__(
        self,
        bootstrap_servers: str | list[str],
        schema_registry_url: str,
        topic: str,
        schema_class: type[M],
        client_id: str | None = None,
        compression_type: str = "snappy",
        max_batch_size: int = 16384,
        linger_ms: int = 10,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        self.topic = topic
        self.schema_class = schema_class
        self.registry_trouble = ""
        """Why the registry could not be asked lately; empty: it could."""
        name = client_id or f"avro-producer-{topic}"
        self._connection = Connection(bootstrap_servers, name, security)
        self._settings = {
            **self._connection.settings,
            "enable.idempotence": True,  # and so acks=all
            "compression.type": compression_type,
            "batch.size": max_batch_size,
            "linger.ms": linger_ms,
            "message.max.bytes": MESSAGE_BYTES,
            "delivery.timeout.ms": int(DELIVERY_S * 1000),
        }
        known = [kind.key_field for kind in KINDS if issubclass(schema_class, kind.message)]
        self._key_field = known[0] if known else None
        self._registry_url = schema_registry_url
        self._registry: Registry | None = None
        self._schema_id = 0
        self._not_registered: RefusedError | None = None
        self._client: Producer | None = None
        self._serving: threading.Thread | None = None
        self._is_ending = threading.Event()
        self._recheck: asyncio.Task[None] | None = None
        self._checked_at = 0.0

    async def start(self) -> None:
        """Look up the schema's id and meet the broker.

        Raises
        ------
        UnavailableError
            If the registry does not answer three times, or Kafka does not.
        RefusedError
            If the schema is not registered, the topic is not there, or the login may not use it.
        """
        if self._client is not None:
            return
        registry = Registry(self._registry_url, TRIES_AT_START)
        try:
            self._schema_id = await asyncio.to_thread(registry.id_of, *self._subject)
        finally:
            registry.close()
        client = Producer(self._settings)
        found = await asyncio.to_thread(self._connection.meet, client, self.topic)
        if found.error is not None:
            raise RefusedError(f"Kafka {self._connection.servers}: {self.topic}: {found.error}")
        self._client, self._checked_at = client, time.monotonic()
        self._registry = Registry(self._registry_url)
        self._is_ending.clear()
        self._serving = threading.Thread(target=self._serve, args=(client,), daemon=True)
        self._serving.start()

    async def stop(self) -> None:
        """Wait for what is under way, and give the connections back."""
        if self._client is None:
            return
        client, serving, registry = self._client, self._serving, self._registry
        self._client = None  # nothing more is taken
        if self._recheck is not None:
            self._recheck.cancel()
            with suppress(asyncio.CancelledError):
                await self._recheck
        with suppress(KafkaException, SystemError):  # senders were told of each message
            await asyncio.to_thread(client.flush, DELIVERY_S)
        self._is_ending.set()
        if serving is not None:
            await asyncio.to_thread(serving.join)
        with suppress(KafkaException, SystemError):
            await asyncio.to_thread(client.close)
        if registry is not None:
            registry.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def send(
        self,
        message: M,
        key: str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Send one message; returns when the broker has it on all its copies.

        Parameters
        ----------
        message : Message
            Of the producer's class.
        key : str, optional
            The bus's own for that class when not given, such as ``command_id``.
        partition : int, optional
            Chosen by the key when not given.
        headers : mapping of str to bytes or str, optional
            Beside the message.

        Raises
        ------
        InvalidMessageError
            If it may not be sent; nothing was.
        RefusedError
            If the broker refuses it, or the registry does not have its schema any more.
        NotDeliveredError
            If no acknowledgment came within 30 s; it may have been written.
        """
        await self.send_batch([(message, key)], headers, partition=partition)

    async def send_batch(
        self,
        messages: list[tuple[M, str | None]],
        headers: Headers | None = None,
        *,
        partition: int | None = None,
    ) -> None:
        """Send several messages in their order; returns when the broker has all of them.

        Parameters
        ----------
        messages : list of (Message, str or None)
            Each with its key.
        headers : mapping of str to bytes or str, optional
            Beside each of them.
        partition : int, optional
            As for ``send``.

        Raises
        ------
        InvalidMessageError
            If one may not be sent; none was.
        RefusedError, NotDeliveredError
            As ``send``, of the first that was not acknowledged.
        """
        if self._client is None:
            raise RuntimeError("the producer is not started: call start() first")
        self._look_after_registry()
        if self._not_registered is not None:
            raise self._not_registered
        ready = [(self._framed(each), self._key(each, key)) for each, key in messages]
        sent = [await self._enqueue(self._client, *each, headers, partition) for each in ready]
        results = await asyncio.gather(*sent, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    @property
    def _subject(self) -> tuple[str, type[M]]:
        return f"{self.topic}-value", self.schema_class

    def _framed(self, message: M) -> bytes:
        if type(message) is not self.schema_class:
            wanted = self.schema_class.__name__
            raise TypeError(f"{self.topic} takes {wanted}, not {type(message).__name__}")
        return frame(self._schema_id, message)

    def _key(self, message: M, key: str | None) -> bytes | None:
        if key is None and self._key_field is not None:
            key = getattr(message, self._key_field)
        return key.encode() if key else None

    async def _enqueue(
        self,
        client: Producer,
        value: bytes,
        key: bytes | None,
        headers: Headers | None,
        partition: int | None,
    ) -> "asyncio.Future[None]":
        """Hand one message to librdkafka; what is returned ends with its acknowledgment."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def note(error: KafkaError | None, _: Any) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(_settle, done, error)

        deadline = time.monotonic() + DELIVERY_S
        while True:
            try:
                client.produce(
                    self.topic,
                    value,
                    key,
                    partition=ANY_PARTITION if partition is None else partition,
                    headers=list((headers or {}).items()),
                    on_delivery=note,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    _settle(done, KafkaError(KafkaError._QUEUE_FULL))
                    return done
                await asyncio.sleep(FULL_QUEUE_S)
            except KafkaException as error:
                _settle(done, error.args[0])
                return done
            else:
                return done

    def _serve(self, client: Producer) -> None:
        """Let librdkafka report; a thread of its own does nothing else."""
        while not self._is_ending.is_set():
            try:
                client.poll(SERVE_S)
            except (KafkaException, SystemError):  # the latter: a callback ran after the former
                log.exception("Kafka %s: this producer failed for good", self.topic)
                client.purge(in_queue=True, in_flight=True, blocking=False)
                self._is_ending.wait(FAILED_S)

    def _look_after_registry(self) -> None:
        """Ask the registry now and then, beside the sending, whether our id is still ours."""
        is_due = time.monotonic() - self._checked_at >= RECHECK_S
        if is_due and (self._recheck is None or self._recheck.done()):
            self._checked_at = time.monotonic()
            self._recheck = asyncio.create_task(self._check_registry())

    async def _check_registry(self) -> None:
        if self._registry is None:
            return
        try:
            found = await asyncio.to_thread(self._registry.id_of, *self._subject)
        except UnavailableError as error:
            if not self.registry_trouble:
                log.warning("%s; sending goes on with schema id %d", error, self._schema_id)
            self.registry_trouble = str(error)
        except RefusedError as error:
            log.error("%s", error)  # noqa: TRY400 its trace says nothing more
            self._not_registered = error
        else:
            self._take(found)

    def _take(self, found: int) -> None:
        if self.registry_trouble:
            log.info("the registry answers again")
        if found != self._schema_id:
            log.warning("%s: schema id %d became %d", self.topic, self._schema_id, found)
        self._schema_id, self._not_registered, self.registry_trouble = found, None, ""


def _settle(done: "asyncio.Future[None]", error: KafkaError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    elif error.code() in REFUSALS | TOO_LARGE:
        done.set_exception(RefusedError(f"Kafka: {error.str()}"))
    else:
        done.set_exception(NotDeliveredError(f"Kafka: {error.str()}"))
