"""Long answers, piece by piece: JSON, CSV and Parquet of lists of alerts and objects."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse

from broker.rest import ok
from broker.rest_json import write
from pipeline.alerts import query_alerts
from pipeline.alerts.query import browsing
from pipeline.alerts.query_photometry import COLUMNS
from pipeline.alerts.records import Row
from pipeline.alerts.schemas import record_schema

AT_ONCE = 1000
"""Alerts read and written in one piece: 4 MB of JSON."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins so for a formula."""
CSV_TYPE = "text/csv; charset=utf-8"
PARQUET_TYPE = "application/vnd.apache.parquet"

_ARROW: dict[str, Any] = {
    "double": pa.float64(),
    "float": pa.float32(),
    "int": pa.int32(),
    "long": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
}
_POINT = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
_FLAGS = ("rock", "star", "near_brightstar", "stationary")
_FOUND_OBJECT = {
    "objectId": pa.string(),
    "survey": pa.string(),
    "ra": pa.float64(),
    "dec": pa.float64(),
    "distance_arcsec": pa.float64(),
}


def alerts_as_json(
    survey: str, ids: Sequence[int], message: str = "", more: Row | None = None
) -> HttpResponseBase:
    """Return a list of alerts in the envelope; a long one is written while it is read.

    ``more`` is added to each alert.
    """
    if len(ids) <= AT_ONCE:
        found = next(_pieces(survey, ids), [])
        return ok([row | (more or {}) for row in found], message)
    return _streamed(b"[", _list_of(survey, ids, more), b"]", message)


def cones_as_json(survey: str, ids: Mapping[str, Sequence[int]]) -> HttpResponseBase:
    """Return lists of alerts by name in the envelope."""
    if sum(map(len, ids.values())) <= AT_ONCE:
        wanted = sorted({one for many in ids.values() for one in many})
        with browsing() as session:
            rows = query_alerts.rows_by_id(session, survey, wanted)
        return ok({name: [rows[one] for one in many if one in rows] for name, many in ids.items()})
    return _streamed(b"{", _lists_by_name(survey, ids), b"}", "")


def alerts_as_table(
    survey: str, ids: Sequence[int], form: str, names: Sequence[str] | None = None
) -> HttpResponseBase:
    """Return alerts as CSV or Parquet, one row each; ``names`` says whose cone found which."""
    columns = alert_columns(survey)
    if names is not None:
        columns = {"name": pa.string(), **columns}
    return as_table(columns, _table_rows(survey, ids, names), form, f"{survey}_alerts")


def objects_as_table(rows: Sequence[Row], form: str) -> HttpResponseBase:
    """Return found objects as CSV or Parquet."""
    return as_table(_FOUND_OBJECT, [list(rows)], form, "objects")


def object_cones_as_table(found: Mapping[str, Sequence[Row]], form: str) -> HttpResponseBase:
    """Return objects as CSV or Parquet, one row each with the name of its cone."""
    rows = [{"name": name, **row} for name, many in found.items() for row in many]
    return as_table({"name": pa.string(), **_FOUND_OBJECT}, [rows], form, "objects")


def light_curve_as_table(rows: Sequence[Row], form: str, name: str) -> HttpResponseBase:
    """Return the points of one object as CSV or Parquet."""
    columns = {name: _POINT[kind] for name, kind in COLUMNS.items()}
    return as_table(columns, [rows], form, name)


def as_table(
    columns: Mapping[str, Any], pieces: Iterable[Sequence[Row]], form: str, name: str
) -> HttpResponseBase:
    """Return rows as a file to be saved.

    Parameters
    ----------
    columns : mapping of str to pyarrow type
        In their order; what a row lacks is null.
    pieces : iterable of sequences of dict
        Rows.
    form : str
        ``csv`` or ``parquet``; large whole numbers stay whole in both.
    name : str
        Of the file, without its end.
    """
    response: HttpResponseBase
    if form == "csv":
        response = StreamingHttpResponse(_csv(list(columns), pieces), content_type=CSV_TYPE)
    else:
        response = FileResponse(_parquet(columns, pieces), content_type=PARQUET_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def alert_columns(survey: str) -> dict[str, Any]:
    """Return the columns of a table of alerts."""
    columns = {"candid": pa.int64(), "objectId": pa.string()}
    for part in record_schema(survey, "candidate")["fields"]:
        columns.setdefault(part["name"], _arrow(part["type"]))
    return columns | dict.fromkeys(_FLAGS, pa.bool_())


def _arrow(kind: Any) -> Any:
    if isinstance(kind, list):
        kind = kind[1]
    return _ARROW.get(kind, pa.string()) if isinstance(kind, str) else pa.string()


def _streamed(
    begin: bytes, pieces: Iterator[bytes], end: bytes, message: str
) -> StreamingHttpResponse:
    """Return the envelope around pieces of JSON."""

    def parts() -> Iterator[bytes]:
        head = write({"status": "success", "message": message})
        yield head[:-1] + b',"data":' + begin
        yield from pieces
        yield end + b"}"

    return StreamingHttpResponse(parts(), content_type="application/json")


def _list_of(survey: str, ids: Sequence[int], more: Row | None = None) -> Iterator[bytes]:
    comma = b""
    for rows in _pieces(survey, ids):
        if rows:
            yield comma + write([row | (more or {}) for row in rows])[1:-1]
            comma = b","


def _lists_by_name(survey: str, ids: Mapping[str, Sequence[int]]) -> Iterator[bytes]:
    comma = b""
    for name, wanted in ids.items():
        yield comma + write(name) + b":["
        yield from _list_of(survey, wanted)
        yield b"]"
        comma = b","


def _pieces(survey: str, ids: Sequence[int]) -> Iterator[list[Row]]:
    for start in range(0, len(ids), AT_ONCE):
        with browsing() as session:
            rows = query_alerts.rows(session, survey, ids[start : start + AT_ONCE])
        yield rows


def _table_rows(
    survey: str, ids: Sequence[int], names: Sequence[str] | None
) -> Iterator[list[Row]]:
    for start in range(0, len(ids), AT_ONCE):
        wanted = ids[start : start + AT_ONCE]
        with browsing() as session:
            found = query_alerts.rows_by_id(session, survey, wanted)
        yield [
            _flat(found[one]) | ({} if names is None else {"name": names[start + at]})
            for at, one in enumerate(wanted)
            if one in found
        ]


def _flat(row: Row) -> Row:
    flags = row["properties"] or {}
    return {
        **row["candidate"],
        "candid": row["candid"],
        "objectId": row["objectId"],
        **{name: flags.get(name) for name in _FLAGS},
    }


def _csv(names: Sequence[str], pieces: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    yield _lines([names])
    for rows in pieces:
        yield _lines([_cell(row.get(name)) for name in names] for row in rows)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value


def _parquet(columns: Mapping[str, Any], pieces: Iterable[Sequence[Row]]) -> Any:
    """Return an open file at its beginning; it is gone when closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 the answer closes it
    schema = pa.schema(list(columns.items()))
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in pieces:
            writer.write_table(pa.Table.from_pylist(list(rows), schema=schema))
    file.seek(0)
    return file


def plain_file(content: bytes, content_type: str, name: str) -> HttpResponse:
    """Return bytes as a file to be saved."""
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
