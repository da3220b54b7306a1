"""Writer schemas: parsed, fingerprinted, found by id, and refused when they are dangerous.

A schema is refused when a few bytes under it could stand for a great many values (arrays of nulls)
or for endless nesting (recursive types): then the work of one value is bounded by its length.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fastavro
from fastavro.repository.base import SchemaRepositoryError
from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    load_schema,
    to_parsing_canonical_form,
)

from broker.avro_arrays import MAX_ITEMS, ArrayCounter
from broker.errors import TransientError

MAX_SCHEMA_BYTES = 2**18
"""ZTF's has 20 kB, LSST's 120 kB; parsing as much as is allowed takes 0.02 s."""
FAILED_LOOKUP_S = 60.0
MAX_FAILED_LOOKUPS = 1000
AWAY_S = 5.0
"""A source that did not answer is not asked again for so long: ids beyond number may come."""

_SMALLEST_BYTES = {
    "null": 0,
    "boolean": 1,
    "int": 1,
    "long": 1,
    "float": 4,
    "double": 8,
    "bytes": 1,
    "string": 1,
}
_NO_ARRAY = 2**31
NOT_AVRO = (
    SchemaParseException,
    UnknownType,
    RecursionError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)
"""What fastavro raises for things that are no schema."""


class SchemaError(ValueError):
    """A writer schema that is not Avro, or that must not be decoded with."""


class SchemaUnreachableError(TransientError):
    """A schema that is not here, while whoever may have it does not answer."""


@dataclass(frozen=True, eq=False)
class WriterSchema:
    """A schema that values may be decoded with.

    Attributes
    ----------
    parsed : dict
        In fastavro's parsed form.
    fingerprint : str
        SHA-256 of the canonical form, hexadecimal: the same for every spelling of one schema.
    harmless_bytes : int
        Longest datum in which no array can have more than ``MAX_ITEMS``, whatever it says: more of
        its shortest items need more bytes. 500 kB for ZTF, 420 kB for LSST 11.1, whose packets have
        65 to 110 kB and 300 kB: what comes every night pays one comparison.
    """

    parsed: dict[str, Any]
    fingerprint: str
    harmless_bytes: int

    @property
    def name(self) -> str:
        """Return the full name of the record."""
        return str(self.parsed["name"])

    @cached_property
    def text(self) -> bytes:
        """Return the schema as JSON for others to read, without fastavro's own marks in it."""
        return json.dumps(plain_definition(self.parsed), separators=(",", ":")).encode()

    @cached_property
    def arrays(self) -> ArrayCounter:
        """Return what counts the items of longer datums; made when the first one comes."""
        return ArrayCounter(self.parsed)


def writer_schema(definition: Any) -> WriterSchema:
    """Parse a schema and make sure that it is harmless.

    Raises
    ------
    SchemaError
        If it is not an Avro record schema, is recursive, or has an array whose items take no bytes.
    """
    try:
        parsed = fastavro.parse_schema(definition)
        harmless_bytes = _harmless_bytes(parsed)
        canonical = to_parsing_canonical_form(parsed)
    except SchemaError:
        raise
    except NOT_AVRO as error:
        raise SchemaError(f"not an Avro schema: {error!r}") from error
    return WriterSchema(parsed, hashlib.sha256(canonical.encode()).hexdigest(), harmless_bytes)


def writer_schema_of_text(text: str | bytes) -> WriterSchema:
    """Parse the JSON text of a schema; SchemaError also for what is not JSON."""
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaError(f"{len(text)} bytes of schema; at most {MAX_SCHEMA_BYTES}")
    try:
        definition = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"not JSON: {error!r}") from error
    return writer_schema(definition)


def plain_definition(schema: Any) -> Any:
    """Return a schema without the names beginning with ``__`` that fastavro puts into it.

    With them the same schema would have another text, and another id in a registry.
    """
    if isinstance(schema, dict):
        return {
            name: plain_definition(part)
            for name, part in schema.items()
            if not name.startswith("__")
        }
    return [plain_definition(part) for part in schema] if isinstance(schema, list) else schema


def load_definition(path: Path) -> Any:
    """Return the schema in a file, with the files beside it that it names; None without file."""
    if not path.exists():
        return None
    try:
        return load_schema(path)
    except (*NOT_AVRO, SchemaRepositoryError, OSError) as error:
        raise SchemaError(f"{path}: {error!r}") from error


def _harmless_bytes(parsed: Any) -> int:
    """Return the longest datum without too long an array; SchemaError for a dangerous schema."""
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise SchemaError("the schema is not one record")
    measure = _Measure(parsed.get("__named_schemas", {}))
    measure.smallest_bytes(parsed)
    return (MAX_ITEMS + 1) * measure.smallest_item_bytes - 1


class _Measure:
    """Finds the fewest bytes that a value can take, and so arrays that cost nothing to claim.

    ``smallest_item_bytes`` is that of an item of any array, or an entry of any map, met so far.
    """

    def __init__(self, named: dict[str, Any]) -> None:
        self.smallest_item_bytes = _NO_ARRAY
        self._named = named
        self._known: dict[str, int] = {}
        self._open: set[str] = set()

    def smallest_bytes(self, schema: Any) -> int:
        """Return the length of the shortest datum; SchemaError for a dangerous schema."""
        if isinstance(schema, str):
            return self._by_name(schema)
        if isinstance(schema, list):
            # A branch without bytes still costs its index.
            return 1 + min((self.smallest_bytes(branch) for branch in schema), default=0)
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.smallest_bytes(kind)
        measure = {
            "array": self._array,
            "map": self._map,
            "record": self._record,
            "error": self._record,
            "enum": _one,
            "fixed": _size,
        }.get(kind)
        return measure(schema) if measure else self.smallest_bytes(kind)

    def _array(self, schema: dict[str, Any]) -> int:
        item_bytes = self.smallest_bytes(schema["items"])
        if item_bytes == 0:
            raise SchemaError("an array of items without bytes: it could claim any length")
        self.smallest_item_bytes = min(self.smallest_item_bytes, item_bytes)
        return 1

    def _map(self, schema: dict[str, Any]) -> int:
        key_bytes = 1
        entry_bytes = key_bytes + self.smallest_bytes(schema["values"])
        self.smallest_item_bytes = min(self.smallest_item_bytes, entry_bytes)
        return 1

    def _by_name(self, name: str) -> int:
        if name in _SMALLEST_BYTES:
            return _SMALLEST_BYTES[name]
        if name not in self._known:
            if name in self._open:
                raise SchemaError(f"{name} holds itself: it could nest without end")
            self._known[name] = self.smallest_bytes(self._named[name])
        return self._known[name]

    def _record(self, schema: dict[str, Any]) -> int:
        name = schema["name"]
        self._open.add(name)
        self._known[name] = sum(self.smallest_bytes(field["type"]) for field in schema["fields"])
        self._open.discard(name)
        return self._known[name]


def _one(_schema: dict[str, Any]) -> int:
    return 1


def _size(schema: dict[str, Any]) -> int:
    return int(schema["size"])


class SchemaCache:
    """Writer schemas by id, asked from several sources once each.

    Parameters
    ----------
    sources : sequence of callable
        Each takes an id and returns a schema definition, or None where it has none; asked in order.
        One that raises ``TransientError`` is left in peace for a moment.
    clock : callable
        Seconds of a monotonic clock.
    """

    def __init__(
        self,
        sources: Sequence[Callable[[int], Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._known: dict[int, WriterSchema] = {}
        self._failed: dict[int, tuple[float, str]] = {}
        self._away: dict[int, tuple[float, str]] = {}

    def get(self, schema_id: int) -> WriterSchema:
        """Return a schema.

        Raises
        ------
        LookupError
            If no source has it, or has one that must not be decoded with; remembered for a minute.
        SchemaUnreachableError
            If no source has it, and one did not answer.
        """
        if (known := self._known.get(schema_id)) is not None:
            return known
        until, message = self._failed.get(schema_id, (0.0, ""))
        if self._clock() < until:
            raise LookupError(message)
        try:
            self._known[schema_id] = self._ask(schema_id)
        except LookupError as error:
            if len(self._failed) >= MAX_FAILED_LOOKUPS:
                self._failed.clear()
            self._failed[schema_id] = (self._clock() + FAILED_LOOKUP_S, str(error))
            raise
        return self._known[schema_id]

    def _ask(self, schema_id: int) -> WriterSchema:
        refused, away = [], []
        for at, source in enumerate(self._sources):
            until, trouble = self._away.get(at, (0.0, ""))
            if self._clock() < until:
                away.append(trouble)
                continue
            try:
                definition = source(schema_id)
                if definition is not None:
                    return writer_schema(definition)
            except SchemaError as error:
                refused.append(str(error))
            except TransientError as error:
                self._away[at] = (self._clock() + AWAY_S, str(error))
                away.append(str(error))
        message = "; ".join([f"no schema has the id {schema_id}", *refused, *away])
        raise SchemaUnreachableError(message) if away and not refused else LookupError(message)
