"""Catalogs as delimited text, every cell read as text."""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, TextIO

import pyarrow as pa
import pyarrow.csv as pacsv

from pipeline.catalogs.reading import reading
from pipeline.catalogs.record import LoadError

BATCH_ROWS = 65_536
_BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 1 << 16
_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


class CsvSource:
    """Rows of a delimited text file with one header line; gzip is undone.

    Arrow reads plain files. Where blanks stand before a quote ("padded" files), Arrow would take
    the quote as part of the cell, so Python's slower reader does it.
    """

    def __init__(self, path: Path, separator: str, encoding: str) -> None:
        self._path = path
        self._separator = _NAMES.get(separator, separator)
        self._encoding = encoding
        if len(self._separator) != 1:
            names = ", ".join(_NAMES)
            raise LoadError(f"separator {separator!r}: wanted one character, or {names}")
        with self._opened() as opened:
            head = opened.read(_HEAD_BYTES)
        text = self._decoded(head)
        self._is_padded = bool(
            re.search(rf'(?:^|{re.escape(self._separator)})[ \t]+"', text, re.MULTILINE)
        )
        self._header_lines, self.columns = self._header(text)
        self.size = path.stat().st_size

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
        """Yield Arrow tables of ``columns`` in that order, and the bytes read after each."""
        at = [self.columns.index(name) for name in columns]
        read = self._python_batches if self._is_padded else self._arrow_batches
        with self._opened() as opened:
            raw = getattr(opened, "fileobj", None) or opened
            with reading(self._path):
                for table in read(opened, at):
                    yield table, min(raw.tell(), self.size)

    def _opened(self) -> Any:
        with self._path.open("rb") as probe:
            is_gzip = probe.read(2) == b"\x1f\x8b"
        return gzip.open(self._path, "rb") if is_gzip else self._path.open("rb")

    def _decoded(self, head: bytes) -> str:
        whole = head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head
        try:
            return whole.decode(self._encoding).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError) as error:
            raise LoadError(f"{self._path}: {error}; name it with --encoding") from None

    def _header(self, text: str) -> tuple[int, tuple[str, ...]]:
        rows = csv.reader(io.StringIO(text), delimiter=self._separator, skipinitialspace=True)
        names = next((row for row in rows if row), [])
        return rows.line_num, tuple(name.strip() for name in names)

    def _arrow_batches(self, opened: IO[bytes], at: list[int]) -> Iterator[Any]:
        names = [str(i) for i in range(len(self.columns))]
        wanted = list(dict.fromkeys(str(i) for i in at))
        reader = pacsv.open_csv(
            pa.PythonFile(opened, "r"),
            pacsv.ReadOptions(
                column_names=names,
                skip_rows=self._header_lines,
                block_size=_BLOCK_BYTES,
                encoding=self._encoding,
            ),
            pacsv.ParseOptions(delimiter=self._separator, newlines_in_values=True),
            pacsv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch]).select([str(i) for i in at])

    def _python_batches(self, opened: IO[bytes], at: list[int]) -> Iterator[Any]:
        with io.TextIOWrapper(opened, self._encoding, newline="") as text:
            yield from self._padded_batches(text, at)

    def _padded_batches(self, text: TextIO, at: list[int]) -> Iterator[Any]:
        rows = csv.reader(text, delimiter=self._separator, skipinitialspace=True)
        for _ in range(self._header_lines):
            next(text)
        width = len(self.columns)
        filled = (row for row in rows if row)
        while chunk := list(islice(filled, BATCH_ROWS)):
            wrong = next((row for row in chunk if len(row) != width), None)
            if wrong is not None:
                raise LoadError(
                    f"{self._path}: a row near line {rows.line_num} has {len(wrong)} cells, "
                    f"wanted: {width}: {self._separator.join(wrong)[:200]}"
                )
            yield pa.Table.from_arrays(
                [pa.array([row[i] for row in chunk], pa.string()) for i in at],
                [str(i) for i in range(len(at))],
            )
