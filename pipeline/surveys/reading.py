"""Packets of one schema decoded together by the compiled kernel; fastavro reads what it leaves."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from broker import avro_table
from broker.avro import MAX_KNOWN_HEADERS, MAX_VALUE_BYTES, UnreadableError
from broker.avro_program import NotCompilableError, Program, compile_schema
from broker.avro_schema import WriterSchema
from broker.avro_table import Table
from broker.errors import TransientError
from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch
from pipeline.surveys.rows import ColumnTypeError, Rows
from pipeline.surveys.table_rows import TableRows

WRONG_VALUES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What values of a type that nobody expected raise on their way into columns."""

Problems = NDArray[np.object_]
Datum = bytes | memoryview
Read = Callable[[bytes], dict[str, Any]]
Convert = Callable[[list[Packet], Rows], tuple[Batch, Problems]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reading:
    """How a survey's packets become a batch.

    Attributes
    ----------
    read : callable
        One value to its record, by fastavro; raises UnreadableError.
    locate : callable
        One value to its writer schema and the bytes of its record; raises as ``read``.
    convert : callable
        Packets and their rows to a batch of all of them, and to one text for each: what is wrong
        with its id, time or position, or None.
    wanted : frozenset of str or None
        Paths of all fields that ``convert`` asks for; None: all that there are.
    of_table : callable
        A table of packets to their rows.
    """

    read: Read
    locate: Callable[[bytes], tuple[WriterSchema, Datum]]
    convert: Convert
    wanted: frozenset[str] | None
    of_table: Callable[[Table], Rows] = TableRows


@dataclass(frozen=True)
class Part:
    """Some packets of a range as a batch.

    Attributes
    ----------
    positions : int64[n]
        Which packets of the range.
    problems : object[n]
        What ``Reading.convert`` says of each.
    """

    positions: NDArray[np.int64]
    batch: Batch
    problems: Problems


def inside(record: str, names: Iterable[str]) -> list[str]:
    """Return the paths of fields of a record."""
    return [f"{record}.{name}" for name in names]


def by_kernel(packets: Sequence[Packet], reading: Reading) -> tuple[list[Part], Mapping[int, str]]:
    """Decode what the kernel takes, one part per schema.

    Returns
    -------
    list of Part
        Of what it took.
    mapping of int to str
        What it left, by position, and why; see ``broker.avro_fallbacks``.
    """
    if not avro_table.kernel.works():
        return [], dict.fromkeys(range(len(packets)), "no_kernel")
    datums, left = _located(packets, reading)
    parts = []
    for schema, found in datums.items():
        part, refused = _of_schema(packets, schema, found, reading)
        left |= refused
        if part is not None:
            parts.append(part)
    return parts, left


def _located(
    packets: Sequence[Packet], reading: Reading
) -> tuple[dict[WriterSchema, dict[int, Datum]], dict[int, str]]:
    """Return the bytes of records by schema and position; fastavro says what is wrong with others.

    An empty value is one of them, as is one that is too long.
    """
    found: dict[WriterSchema, dict[int, Datum]] = defaultdict(dict)
    left = {}
    for position, packet in enumerate(packets):
        value = packet.value or b""
        try:
            if len(value) <= MAX_VALUE_BYTES:
                schema, datum = reading.locate(value)
                found[schema][position] = datum
                continue
        except (UnreadableError, TransientError, RecursionError, *WRONG_VALUES):
            pass
        left[position] = "framing"
    return found, left


def _of_schema(
    packets: Sequence[Packet],
    schema: WriterSchema,
    datums: Mapping[int, Datum],
    reading: Reading,
) -> tuple[Part | None, dict[int, str]]:
    program = _program(schema, reading.wanted)
    if program is None:
        return None, dict.fromkeys(datums, "not_compilable")
    positions = np.array(list(datums), np.int64)
    decoded = avro_table.decode(program, list(datums.values()))
    left = {int(positions[number]): why for number, why in decoded.refused.items()}
    if not len(decoded.accepted):
        return None, left
    taken = positions[decoded.accepted]
    try:
        batch, problems = reading.convert(
            [packets[i] for i in taken], reading.of_table(decoded.table)
        )
    except ColumnTypeError:
        return None, left | dict.fromkeys(taken.tolist(), "column_type")
    except WRONG_VALUES:
        log.exception("decode.kernel_left", schema=schema.name, packets=len(taken))
        return None, left | dict.fromkeys(taken.tolist(), "unexpected")
    return Part(taken, batch, problems), left


@lru_cache(maxsize=MAX_KNOWN_HEADERS)
def _program(schema: WriterSchema, wanted: frozenset[str] | None) -> Program | None:
    try:
        return compile_schema(schema.parsed, wanted)
    except NotCompilableError as error:
        log.warning("decode.not_compilable", schema=schema.name, why=str(error))
        return None
