"""A simulated application of a telescope: reads commands, answers, observes, says how it is.

It speaks to Kafka and the registry alone, with the classes and the rights of telescope teams.
"""

import asyncio
import os
import random
import socket
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import structlog
from nightjar_telescope import (
    AckStatus,
    BusError,
    CommandAcknowledgment,
    CommandType,
    KafkaAvroConsumer,
    KafkaAvroProducer,
    NotDeliveredError,
    Record,
    StatusLevel,
    TelescopeCommand,
    TelescopeData,
    TelescopeStatus,
)
from nightjar_telescope.messages import Message

from pipeline.simulate.telescope import COMPONENTS, Act, Manners, script, spectrum

STATUS_EVERY_S = 10.0
DOWN_AFTER_S = 20.0
"""A telescope that falls silent does so then."""
GARBAGE_BYTES = 40

Producer = TypeVar("Producer", bound=KafkaAvroProducer[Any])

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a simulated application works, and as whom.

    Attributes
    ----------
    application : str
        As it names itself in its messages.
    principal : str
        Its login, which its consumer group is called by too.
    prefix : str
        Its telescope's topics begin so.
    writes_data : bool
        It sends what was observed.
    servers, registry_url : str
        Of Kafka and the schema registry.
    security : mapping
        Login, in librdkafka's names.
    """

    application: str
    principal: str
    prefix: str
    writes_data: bool
    servers: str
    registry_url: str
    security: Mapping[str, Any]


class UnderWay(NamedTuple):
    """An observation that has not ended."""

    command: TelescopeCommand
    task: "asyncio.Task[None]"


class SpoiltProducer(KafkaAvroProducer[Any]):
    """Sends bytes that are no message, in place of what it is given."""

    def _framed(self, message: Any) -> bytes:  # noqa: ARG002 whatever it is
        return os.urandom(GARBAGE_BYTES)


class SimulatedApplication:
    """One application of a telescope that is not there.

    Parameters
    ----------
    place : Place
        Where it works.
    manners : Manners
        How it behaves.
    down_s : float
        It says nothing of how it is for so long, from ``DOWN_AFTER_S`` on [s].
    """

    def __init__(self, place: Place, manners: Manners, down_s: float = 0.0) -> None:
        self._place = place
        self._manners = manners
        self._down_s = down_s
        self._draw = random.Random(manners.seed)  # noqa: S311 nobody is to be kept from guessing
        self._acknowledgments = self._producer("acknowledgments", CommandAcknowledgment)
        self._status = self._producer("status", TelescopeStatus)
        self._data = self._producer("data", TelescopeData) if place.writes_data else None
        self._spoilt: dict[str, SpoiltProducer] = {}
        self._carried_out: set[str] = set()
        self._observing: dict[str, UnderWay] = {}
        """By observation_id."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then what is under way fails, and nothing is operational.

        Raises
        ------
        BusError
            If Kafka or the registry is away at the start, or refuses this login.
        """
        async with AsyncExitStack() as stack:
            for producer in await self._start_producers():
                stack.push_async_callback(producer.stop)
            consumer = KafkaAvroConsumer(
                self._place.servers,
                self._place.registry_url,
                f"{self._place.prefix}commands",
                self._place.principal,
                TelescopeCommand,
                security=self._place.security,
                source_application=self._place.application,
            )
            await consumer.start()
            consuming = asyncio.create_task(consumer.consume(self._take, self._pass_over))
            telling = asyncio.create_task(self._tell_regularly())
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait(
                    [stopping, consuming, telling], return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                stopping.cancel()
                await consumer.stop()
                await _ended(telling)
            await consuming
            if not telling.cancelled():
                telling.result()
            for under_way in list(self._observing.values()):
                await self._break_off(under_way, "shutdown")
            await self._tell(StatusLevel.WARNING, "going down", is_operational=False)

    async def _start_producers(self) -> list[KafkaAvroProducer[Any]]:
        wanted = [self._acknowledgments, self._status, *([self._data] if self._data else [])]
        if self._manners.garbage:
            for producer in (self._acknowledgments, *([self._data] if self._data else [])):
                kind = producer.schema_class
                self._spoilt[producer.topic] = self._producer_of(
                    SpoiltProducer, producer.topic, kind
                )
        everybody = [*wanted, *self._spoilt.values()]
        for producer in everybody:
            await producer.start()
        return everybody

    def _producer(self, topic_end: str, kind: type[Message]) -> KafkaAvroProducer[Any]:
        return self._producer_of(KafkaAvroProducer, f"{self._place.prefix}{topic_end}", kind)

    def _producer_of(self, made: type[Producer], topic: str, kind: type[Message]) -> Producer:
        place = self._place
        return made(place.servers, place.registry_url, topic, kind, security=place.security)

    async def _take(self, command: TelescopeCommand) -> None:
        """Begin with a command at once; whoever waited for its end would hear no cancel."""
        if command.command_id in self._carried_out:
            log.info("command.repeated", command_id=command.command_id)
            return
        self._carried_out.add(command.command_id)
        log.info("command.came", command_id=command.command_id, type=command.command_type)
        if command.command_type == CommandType.CANCEL_OBSERVATION:
            await self._cancel(command)
        elif command.command_type == CommandType.START_OBSERVATION:
            request = command.observation_request
            name = request.observation_id if request else command.command_id
            task = asyncio.create_task(self._observe(command))
            self._observing[name] = UnderWay(command, task)
            task.add_done_callback(lambda done: self._forget(name, done))
        else:
            said = f"no such command: {command.command_type}"
            await self._answer(command, Act(0, AckStatus.REJECTED, error_code="unknown_type"), said)

    def _forget(self, name: str, done: "asyncio.Task[None]") -> None:
        if name in self._observing and self._observing[name].task is done:
            del self._observing[name]
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("observation.broken", observation_id=name, error=repr(error))

    async def _pass_over(self, error: Exception, record: Record) -> None:
        log.warning("command.unreadable", offset=record.offset, error=repr(error))

    async def _observe(self, command: TelescopeCommand) -> None:
        began = time.monotonic()
        for act in script(command, self._manners):
            await asyncio.sleep(max(0.0, began + act.at_s - time.monotonic()))
            try:
                await self._do(command, act)
            except BusError as error:
                log.warning("act.not_sent", command_id=command.command_id, error=str(error))

    async def _do(self, command: TelescopeCommand, act: Act) -> None:
        if act.status is not None:
            await self._answer(command, act)
        elif self._data is not None and command.observation_request is not None:
            observation_id = command.observation_request.observation_id
            await self._send(
                self._data,
                TelescopeData(
                    f"{observation_id}-{act.chunk:06d}",
                    observation_id,
                    act.chunk,
                    now_ms(),
                    spectrum(observation_id, act.chunk, self._manners),
                ),
            )

    async def _cancel(self, command: TelescopeCommand) -> None:
        request = command.observation_request
        under_way = self._observing.get(request.observation_id) if request else None
        if under_way is None:
            rejected = Act(0, AckStatus.REJECTED, error_code="not_running")
            await self._answer(command, rejected, "no such observation is under way")
            return
        await self._answer(command, Act(0, AckStatus.RECEIVED))
        await self._break_off(under_way, "cancelled")
        await self._answer(command, Act(0, AckStatus.COMPLETED), "the observation was ended")

    async def _break_off(self, under_way: UnderWay, error_code: str) -> None:
        await _ended(under_way.task)
        failed = Act(0, AckStatus.FAILED, error_code=error_code)
        await self._answer(under_way.command, failed, "ended before its time")

    async def _answer(self, command: TelescopeCommand, act: Act, said: str | None = None) -> None:
        if act.status is None:
            return
        ends_at_ms = None if act.ends_in_s is None else now_ms() + round(1000 * act.ends_in_s)
        await self._send(
            self._acknowledgments,
            CommandAcknowledgment(
                f"ack-{uuid.uuid4()}",
                command.command_id,
                now_ms(),
                act.status,
                message=said,
                source_application=self._place.application,
                source_hostname=socket.gethostname(),
                progress_percent=act.progress_percent,
                estimated_completion_time=ends_at_ms,
                error_code=act.error_code,
            ),
        )
        log.info("command.answered", command_id=command.command_id, status=act.status.value)

    async def _send(self, producer: KafkaAvroProducer[Any], message: Message) -> None:
        if self._spoilt and self._draw.random() < self._manners.garbage:
            await self._spoilt[producer.topic].send(message)
        await producer.send(message)
        if self._draw.random() < self._manners.duplicate:
            await producer.send(message)

    async def _tell_regularly(self) -> None:
        began = time.monotonic()
        while True:
            age_s = time.monotonic() - began
            if not DOWN_AFTER_S <= age_s < DOWN_AFTER_S + self._down_s:
                try:
                    await self._tell(StatusLevel.INFO, "in order", is_operational=True)
                except NotDeliveredError as error:
                    log.warning("status.not_sent", error=str(error))
            await asyncio.sleep(STATUS_EVERY_S)

    async def _tell(self, level: StatusLevel, said: str, *, is_operational: bool) -> None:
        """Say of each component how it is."""
        observed = next(iter(self._observing), None)
        cpu, memory, disk = (self._draw.uniform(5, 60) for _ in range(3))
        told = [
            TelescopeStatus(
                f"status-{uuid.uuid4()}",
                now_ms(),
                self._place.application,
                socket.gethostname(),
                level,
                component,
                said,
                is_operational,
                observed,
                cpu,
                memory,
                disk,
            )
            for component in COMPONENTS
        ]
        await self._status.send_batch([(each, None) for each in told])


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def now_ms() -> int:
    """Return Unix time, UTC [ms]."""
    return time.time_ns() // 1_000_000
