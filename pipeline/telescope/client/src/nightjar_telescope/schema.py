"""Avro schemas out of the messages' classes: the same text on every machine, at any time."""

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from nightjar_telescope.messages import EPOCH, Message
from nightjar_telescope.rules import UnknownAs

PRIMITIVES: dict[type, Any] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    datetime: {"type": "long", "logicalType": "timestamp-millis"},
}


class SchemaError(TypeError):
    """A class that no schema can be made of."""


class Described(NamedTuple):
    """A field of a message, taken apart.

    Attributes
    ----------
    name : str
        Of the field.
    type : type
        Of its values, without null.
    is_nullable : bool
        Whether it may be null.
    doc : str
        What it holds.
    rules : tuple
        Further annotations.
    default : object
        ``dataclasses.MISSING`` where there is none.
    """

    name: str
    type: Any
    is_nullable: bool
    doc: str
    rules: tuple[Any, ...]
    default: Any


def describe(message: type[Message]) -> tuple[Described, ...]:
    """Return the fields of a message in the wire's order.

    Raises
    ------
    SchemaError
        If one has no ``doc``, more types than one and null, or a default made at run time.
    """
    known: Any = message  # mypy takes a class for an object of it, and that for unhashable
    return _described_fields(known)


def schema_of(message: type[Message]) -> dict[str, Any]:
    """Return a message's Avro schema; a named type that comes again stands there by its name."""
    return _record(message, set())


def schema_text(message: type[Message]) -> str:
    """Return a message's schema as it is registered: JSON without spaces, ASCII."""
    return json.dumps(schema_of(message), separators=(",", ":"))


def schema_file(message: type[Message]) -> str:
    """Return a message's schema as its file holds it."""
    return json.dumps(schema_of(message), indent=2) + "\n"


@cache
def _described_fields(message: Any) -> tuple[Described, ...]:
    hints = get_type_hints(message, include_extras=True)
    return tuple(
        _described(f"{message.__name__}.{field.name}", field, hints[field.name])
        for field in fields(message)
    )


def _described(name: str, field: "Field[Any]", hint: Any) -> Described:
    if get_origin(hint) is not Annotated:
        raise SchemaError(f"{name} has no doc: annotate it with Annotated[type, doc]")
    kind, doc, *rules = get_args(hint)
    types = get_args(kind) if get_origin(kind) in {UnionType, Union} else (kind,)
    plain = [each for each in types if each is not NoneType]
    is_nullable = len(plain) < len(types)
    if len(plain) != 1:
        raise SchemaError(f"{name}: {kind} is neither one type nor one type or None")
    if field.default_factory is not MISSING:
        raise SchemaError(f"{name}: a default made at run time gives each process its own schema")
    if is_nullable and field.default is not None:
        raise SchemaError(f"{name} may be null: its default must be None")
    return Described(field.name, plain[0], is_nullable, doc, tuple(rules), field.default)


def _record(message: type[Message], seen: set[str]) -> dict[str, Any]:
    seen.add(message.__name__)
    return {
        "type": "record",
        "name": message.__name__,
        "doc": message.avro_doc,
        "fields": [dict(_field(field, seen)) for field in describe(message)],
    }


def _field(field: Described, seen: set[str]) -> Iterator[tuple[str, Any]]:
    kind = _type(field, seen)
    yield "name", field.name
    yield "type", ["null", kind] if field.is_nullable else kind
    yield "doc", field.doc
    if field.default is not MISSING:
        yield "default", _json_default(field.default)


def _type(field: Described, seen: set[str]) -> Any:
    if field.type in PRIMITIVES:
        return PRIMITIVES[field.type]
    if not isinstance(field.type, type):
        raise SchemaError(f"{field.name}: no Avro type is known for {field.type}")
    name = field.type.__name__
    if name in seen:
        return name
    if is_dataclass(field.type) and issubclass(field.type, Message):
        return _record(field.type, seen)
    if issubclass(field.type, StrEnum):
        seen.add(name)
        return {"type": "enum", "name": name, **_symbols(field)}
    raise SchemaError(f"{field.name}: no Avro type is known for {name}")


def _symbols(field: Described) -> dict[str, Any]:
    found: dict[str, Any] = {"symbols": [each.value for each in field.type]}
    unknown = [rule.symbol for rule in field.rules if isinstance(rule, UnknownAs)]
    return found | ({"default": str(unknown[0])} if unknown else {})


def _json_default(default: Any) -> Any:
    if isinstance(default, datetime):
        return milliseconds(default)
    return default.value if isinstance(default, StrEnum) else default


def milliseconds(time: datetime) -> int:
    """Return Unix time [ms] of a time with its zone, cut to whole milliseconds."""
    passed = time.astimezone(UTC) - EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1000 + passed.microseconds // 1000
