"""Records read as messages, or why they are not handed out."""

import asyncio
from typing import Generic, NamedTuple, TypeVar

from nightjar_telescope.answers import Answers
from nightjar_telescope.avro import PREFIX, decode, schema_id
from nightjar_telescope.errors import BusError, ExpiredError, UndecodableError
from nightjar_telescope.expiry import expired_by_ms, now_ms
from nightjar_telescope.messages import Message, TelescopeCommand
from nightjar_telescope.record import Record
from nightjar_telescope.registry import Registry
from nightjar_telescope.validation import InvalidMessageError

M = TypeVar("M", bound=Message)


class Read(NamedTuple, Generic[M]):
    """A record and its message, or why that is not handed out."""

    record: Record
    message: M | None
    error: BusError | None = None


class Decoder(Generic[M]):
    """Reads records by their writers' schemas.

    Parameters
    ----------
    message_class : type of Message
        What they are read as.
    registry : Registry
        Knows the schemas.
    answers : Answers or None
        Rejects commands whose time is over; None: nobody does.
    """

    def __init__(self, message_class: type[M], registry: Registry, answers: Answers | None) -> None:
        self._message_class = message_class
        self._registry = registry
        self._answers = answers

    async def read(self, record: Record) -> Read[M]:
        """Return what a record is; an expired command is answered first.

        Raises
        ------
        UnavailableError, NotDeliveredError, RefusedError
            If that is not to be found out, or the answer not to be given, now.
        """
        try:
            message = await self._decoded(record)
            late_ms = expired_by_ms(message, record, now_ms())
            if self._answers and isinstance(message, TelescopeCommand) and late_ms > 0:
                await self._answers.refuse(record, message, late_ms)
                said = f"{message.command_id} expired {late_ms} ms ago; answered rejected"
                return Read(record, None, ExpiredError(said))
        except UndecodableError as error:
            return Read(record, None, error)
        except InvalidMessageError as error:
            return Read(record, None, UndecodableError(f"expired, and no answer fits it: {error}"))
        return Read(record, message)

    async def stop(self) -> None:
        """Give the connections back."""
        self._registry.close()
        if self._answers is not None:
            await self._answers.stop()

    async def _decoded(self, record: Record) -> M:
        if record.value is None:
            raise UndecodableError("no value")
        found = schema_id(record.value)
        writer = self._registry.known(found)
        if writer is None:
            writer = await asyncio.to_thread(self._registry.writer, found)
        return decode(self._message_class, writer, record.value[PREFIX.size :])
