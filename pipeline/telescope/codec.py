"""Bytes and messages of the bus: what we send by our registered schema, what comes by its own."""

import time
from functools import cache
from typing import Any, TypeVar

import fastavro
from fastavro.schema import SchemaParseException
from nightjar_telescope import TelescopeCommand, UndecodableError, problems
from nightjar_telescope.avro import PREFIX, decode, frame, schema_id
from nightjar_telescope.messages import Message
from nightjar_telescope.registry import MOST_UNKNOWN, UNKNOWN_S
from nightjar_telescope.schema import describe

from broker.avro import UnreadableError
from broker.config import config
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRefusedError, SchemaRegistry
from pipeline.telescope import registration

M = TypeVar("M", bound=Message)

REFUSALS = (registration.SchemaIdError, registration.EvolutionError, SchemaRefusedError)
"""The registry cannot be used until somebody has looked at it."""


class Codec:
    """Turns messages into bytes and back; schemas are asked for once.

    Parameters
    ----------
    registry : SchemaRegistry
        Where schemas have their ids.
    """

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._writers: dict[int, Any] = {}
        self._ids: dict[str, int] = {}
        self._unknown_until: dict[int, float] = {}

    def encode(self, command: TelescopeCommand, topic: str) -> bytes:
        """Return a command as it is written to its topic.

        Raises
        ------
        SchemaIdError, EvolutionError, SchemaRefusedError
            If the registry does not mean what it did, or does not take our schema.
        TransientError
            If the registry is away, and has never told us the id.
        """
        subject = f"{topic}-value"
        if subject not in self._ids:
            self._ids |= registration.ids(self._registry, [(subject, TelescopeCommand)])
        return frame(self._ids[subject], command)

    def decode(self, message: type[M], value: bytes) -> tuple[M, list[str]]:
        """Return a message out of its bytes, and what is wrong with it and was left out.

        A value out of bounds in a field that may be null becomes null; anywhere else the message
        is refused.

        Raises
        ------
        UnreadableError
            If it is no such message; the reason is one of ``dead_letters.REASONS``.
        TransientError
            If its schema is not to be found out now: the registry is away, or an id means another
            schema than it did (``registration.ChangedIdError``).
        """
        if not value:
            raise UnreadableError("empty", "there is nothing in it")
        try:
            found = decode(message, self._writer(schema_id(value)), value[PREFIX.size :])
        except UndecodableError as error:
            reason = "truncated" if len(value) < PREFIX.size else "bad_value"
            raise UnreadableError(reason, str(error)) from error
        return _without_problems(message, found)

    def ask_again(self) -> None:
        """Ask for ids that were unknown: somebody tries messages again that have them."""
        self._unknown_until.clear()

    def _writer(self, number: int) -> Any:
        if number not in self._writers:
            definition = None if self._is_unknown(number) else self._definition(number)
            if definition is None:
                self._remember_unknown(number)
                raise UnreadableError("unknown_schema", f"no schema has the id {number}")
            try:
                self._writers[number] = fastavro.parse_schema(definition)
            except (SchemaParseException, TypeError, KeyError, ValueError) as error:
                said = f"the schema with id {number} is none: {error!r}"
                raise UnreadableError("unknown_schema", said) from error
        return self._writers[number]

    def _definition(self, number: int) -> Any:
        """Return the schema of an id: what is kept serves while the registry is away or forgot."""
        try:
            found = self._registry.schema(number)
        except TransientError:
            kept = registration.kept_schema(number)
            if kept is None:
                raise
            return kept
        return registration.compared(number, found)

    def _is_unknown(self, number: int) -> bool:
        return time.monotonic() < self._unknown_until.get(number, 0.0)

    def _remember_unknown(self, number: int) -> None:
        if self._is_unknown(number):
            return
        if len(self._unknown_until) >= MOST_UNKNOWN:
            self._unknown_until.clear()
        self._unknown_until[number] = time.monotonic() + UNKNOWN_S


@cache
def codec() -> Codec:
    """Return this process's codec."""
    settings = config().registry
    return Codec(SchemaRegistry(settings.url, settings.timeout_s))


def _without_problems(message: type[M], found: M) -> tuple[M, list[str]]:
    wrong = problems(found)
    nullable = {field.name for field in describe(message) if field.is_nullable}
    grave = [str(each) for each in wrong if each.field not in nullable]
    if grave:
        raise UnreadableError("bad_value", "; ".join(grave))
    values = {field.name: getattr(found, field.name) for field in describe(message)}
    values |= {each.field: None for each in wrong}
    return message(**values), [str(each) for each in wrong]
