"""Rows to the text and the Parquet of a night: the same rows always give the same bytes."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.numbers import shortest_single
from pipeline.selected.columns import BASE, Kind, extra, names

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a cell that begins so."""


def head(extra_names: Sequence[str]) -> bytes:
    """Return the first line of a table."""
    return _lines([names(extra_names)])


def lines(rows: Sequence[Mapping[str, Any]], extra_names: Sequence[str]) -> bytes:
    """Return a line for each row: RFC 4180 with line feeds, UTF-8; what is not known is empty.

    Parameters
    ----------
    rows : sequence of mapping
        Columns of ``selected_alerts``.
    extra_names : sequence of str
        Further columns of this file.
    """
    return _lines([_cells(row, extra_names) for row in rows])


def parquet(chunks: Iterable[Sequence[Mapping[str, Any]]], extra_names: Sequence[str]) -> bytes:
    """Return the same table as Parquet, with types; each chunk of rows becomes a row group."""
    import pyarrow as pa  # noqa: PLC0415 half a second that only closing a night needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(name, _arrow_type(pa, kind)) for name, kind in _kinds(extra_names)])
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for rows in chunks:
            values = zip(*(_values(row, extra_names) for row in rows), strict=True)
            columns = [pa.array(of, field.type) for of, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return out.getvalue()


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _cells(row: Mapping[str, Any], extra_names: Sequence[str]) -> list[str]:
    values = _values(row, extra_names)
    pairs = zip(_kinds(extra_names), values, strict=True)
    return [_cell(kind, value) for (_, kind), value in pairs]


def _values(row: Mapping[str, Any], extra_names: Sequence[str]) -> list[Any]:
    return [
        *(row[column.attribute] for column in BASE),
        *(_stored(extra(name).kind, row["extra"].get(name)) for name in extra_names),
    ]


def _stored(kind: Kind, value: Any) -> Any:
    """Return a value as it was put into JSONB, which gives 1e17 back without point and exponent."""
    return float(value) if kind in {"single", "double"} and value is not None else value


def _kinds(extra_names: Sequence[str]) -> list[tuple[str, Kind]]:
    return [
        *((column.name, column.kind) for column in BASE),
        *((name, extra(name).kind) for name in extra_names),
    ]


def _cell(kind: Kind, value: Any) -> str:
    return "" if value is None else _SPELLED.get(kind, str)(value)


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA_SIGNS) else value


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 in UTC, always with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_SPELLED: Mapping[Kind, Callable[[Any], str]] = {
    "single": lambda value: repr(shortest_single(value)),
    "double": repr,
    "boolean": lambda value: "true" if value else "false",
    "time": iso,
    "text": _text,
}


def _arrow_type(pa: Any, kind: Kind) -> "pa.DataType":
    types = {
        "integer": pa.int64(),
        "double": pa.float64(),
        "single": pa.float32(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", "UTC"),
        "text": pa.string(),
    }
    return types[kind]
