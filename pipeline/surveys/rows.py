"""What a survey takes its columns from: fastavro's records, or the tables of the compiled kernel.

Both give the same columns for the same packets. A survey is written once, against ``Rows``.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import Column

Record = Mapping[str, Any]
HEAD_BYTES = 6
"""What is looked at of an image."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class ColumnTypeError(TypeError):
    """A field of a type that its survey does not expect."""


class Rows(Protocol):
    """Records of one kind, column by column; a field that a schema lacks is null everywhere."""

    def __len__(self) -> int: ...

    def numbers(self, names: Sequence[str], sentinel: float | None = None) -> Floats:
        """Return float64[names, rows], contiguous.

        NaN for null, the sentinel, NaN and the infinities.
        """

    def integers(self, name: str, none: int | None = None) -> Column:
        """Return a column of int64, exact above 2⁵³; ``none`` is a value that means null."""

    def texts(self, name: str) -> list[str | None]:
        """Return texts, None where null."""

    def coded(self, name: str, codes: Mapping[Any, float], *, is_folded: bool = False) -> Floats:
        """Return what ``codes`` says of each value, NaN where nothing; folded: in lower case."""

    def heads(self, name: str) -> tuple[NDArray[np.uint8], Integers]:
        """Return the first bytes of each image, uint8[rows, HEAD_BYTES], and how many it has.

        ZTF wraps images in records. What has fewer bytes is filled up with zeros.
        """

    def is_there(self, name: str) -> NDArray[np.bool_]:
        """Return where a value is not null."""

    def has(self, name: str) -> NDArray[np.bool_]:
        """Return which rows have such a field, null or not."""

    def within(self, name: str, *, is_optional: bool = False) -> "Rows":
        """Return the records in a field; an optional one may be null, or lacking."""

    def child(self, name: str) -> tuple[Integers, "Rows"]:
        """Return the row that each item of an array belongs to, and the items."""


class RecordRows:
    """Rows that are fastavro's records, of any schemas."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def numbers(self, names: Sequence[str], sentinel: float | None = None) -> Floats:
        """See ``Rows``."""
        values = np.array([list(map(row.get, names)) for row in self._records], np.float64)
        return drop_none(np.ascontiguousarray(values.reshape(-1, len(names)).T), sentinel)

    def integers(self, name: str, none: int | None = None) -> Column:
        """See ``Rows``."""
        values = self._values(name)
        valid = np.array([value is not None for value in values], bool)
        found = np.array([0 if value is None else value for value in values], np.int64)
        if none is not None:
            valid &= found != none
        return Column(np.where(valid, found, 0), valid)

    def texts(self, name: str) -> list[str | None]:
        """See ``Rows``."""
        return self._values(name)

    def coded(self, name: str, codes: Mapping[Any, float], *, is_folded: bool = False) -> Floats:
        """See ``Rows``."""
        return coded_values(self._values(name), codes, is_folded=is_folded)

    def heads(self, name: str) -> tuple[NDArray[np.uint8], Integers]:
        """See ``Rows``."""
        images = [image_bytes(value)[:HEAD_BYTES] for value in self._values(name)]
        joined = b"".join(image.ljust(HEAD_BYTES, b"\0") for image in images)
        heads = np.frombuffer(joined, np.uint8).reshape(len(images), HEAD_BYTES)
        return heads, np.array([len(image) for image in images], np.int64)

    def is_there(self, name: str) -> NDArray[np.bool_]:
        """See ``Rows``."""
        return np.array([value is not None for value in self._values(name)], bool)

    def has(self, name: str) -> NDArray[np.bool_]:
        """See ``Rows``."""
        return np.array([name in record for record in self._records], bool)

    def within(self, name: str, *, is_optional: bool = False) -> "RecordRows":
        """See ``Rows``."""
        if is_optional:
            return RecordRows([record.get(name) or {} for record in self._records])
        return RecordRows([record[name] for record in self._records])

    def child(self, name: str) -> tuple[Integers, "RecordRows"]:
        """See ``Rows``."""
        arrays = [record.get(name) or () for record in self._records]
        lengths = np.array([len(items) for items in arrays], np.int64)
        parent = np.repeat(np.arange(len(arrays)), lengths)
        return parent, RecordRows(list(chain.from_iterable(arrays)))

    def _values(self, name: str) -> list[Any]:
        return [record.get(name) for record in self._records]


def drop_none(values: Floats, sentinel: float | None = None) -> Floats:
    """Make NaN, in place, of the sentinel and the infinities; return the same array."""
    is_none = ~np.isfinite(values)
    if sentinel is not None:
        is_none |= values == sentinel
    values[is_none] = np.nan
    return values


def image_bytes(cutout: Any) -> bytes:
    """Return the bytes of a packet's cutout; ZTF wraps them in a record."""
    if isinstance(cutout, dict):
        cutout = cutout.get("stampData")
    return cutout or b""


def coded_values(values: Sequence[Any], codes: Mapping[Any, float], *, is_folded: bool) -> Floats:
    """Return what ``codes`` says of each value, NaN where nothing."""
    if is_folded:
        values = [value.lower() if isinstance(value, str) else value for value in values]
    return np.array([codes.get(value, np.nan) for value in values], np.float64)
