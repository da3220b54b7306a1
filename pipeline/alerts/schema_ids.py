"""Ids that our registry gave to writer schemas of others: asked for once, never waited for."""

import time
from collections.abc import Callable
from typing import Protocol

from broker.avro_schema import WriterSchema
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRefusedError

AWAY_S = 30.0
"""A registry that gave no id is left in peace for so long: alerts must not queue behind it."""


class Registers(Protocol):
    """What is wanted of ``pipeline.clients.schema_registry.SchemaRegistry``."""

    def register(self, subject: str, definition: bytes) -> int:
        """Return the id of a schema under a subject.

        TransientError while it cannot be had, SchemaRefusedError if the schema is not taken.
        """


class SchemaIds:
    """Ids by subject and fingerprint: two spellings of one schema have one id.

    Parameters
    ----------
    registry : Registers
        Who gives them.
    clock : callable
        Seconds of a monotonic clock.
    """

    def __init__(self, registry: Registers, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._known: dict[tuple[str, str], int] = {}
        self._away_until, self._trouble = 0.0, ""

    def get(self, subject: str, schema: WriterSchema) -> int:
        """Return the id of a schema under a subject.

        Raises
        ------
        TransientError
            If it is not known here, and the registry does not give it or did not lately. A schema
            that is refused waits as well: what a registry takes is set by people, who mend it.
        """
        key = subject, schema.fingerprint
        if key not in self._known:
            self._known[key] = self._ask(subject, schema)
        return self._known[key]

    def _ask(self, subject: str, schema: WriterSchema) -> int:
        if self._clock() < self._away_until:
            raise TransientError(self._trouble)
        try:
            return self._registry.register(subject, schema.text)
        except (TransientError, SchemaRefusedError) as error:
            self._away_until, self._trouble = self._clock() + AWAY_S, str(error)
            raise TransientError(self._trouble) from error
