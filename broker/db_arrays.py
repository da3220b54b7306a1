"""Arrays as parameters of statements, in Postgres's binary form, each made at once.

psycopg writes a list element by element in Python, as text with its quotes escaped: that was more
than half of what merging the light curves of a range took.
"""

import struct
from collections.abc import Iterable
from itertools import chain
from typing import ClassVar, Self

import numpy as np
import psycopg
from numpy.typing import ArrayLike
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = struct.Struct(">iiIii")
"""Dimensions, whether there are nulls, the elements' type, their number, the first one's index."""
_NONE = struct.Struct(">iiI")
"""The same of an array without elements, which has no dimension."""
_LENGTH = struct.Struct(">i")


class Array(bytes):
    """An array of Postgres, one-dimensional and without nulls; a subclass for each type."""

    oid: ClassVar[int]
    element_oid: ClassVar[int]

    @classmethod
    def _framed(cls, size: int, elements: bytes) -> Self:
        head = (
            _HEAD.pack(1, 0, cls.element_oid, size, 1)
            if size
            else _NONE.pack(0, 0, cls.element_oid)
        )
        return cls(head + elements)


class Numbers(Array):
    """An array of numbers of one type."""

    form: ClassVar[np.dtype[np.number]]

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Encode numbers; OverflowError if one does not fit."""
        given = np.asarray(values, cls.form if np.size(values) == 0 else None)
        elements = np.empty(len(given), [("length", ">i4"), ("value", cls.form)])
        elements["length"], elements["value"] = cls.form.itemsize, given
        if cls.form.kind == "i" and (elements["value"] != given).any():
            raise OverflowError(f"a number that does not fit {cls.form.itemsize} bytes")
        return cls._framed(len(given), elements.tobytes())


class SmallInts(Numbers):
    """A ``smallint[]``."""

    oid, element_oid, form = 1005, 21, np.dtype(">i2")


class Ints(Numbers):
    """An ``integer[]``."""

    oid, element_oid, form = 1007, 23, np.dtype(">i4")


class BigInts(Numbers):
    """A ``bigint[]``."""

    oid, element_oid, form = 1016, 20, np.dtype(">i8")


class Doubles(Numbers):
    """A ``double precision[]``."""

    oid, element_oid, form = 1022, 701, np.dtype(">f8")


class ByteStrings(Array):
    """A ``bytea[]``."""

    oid, element_oid = 1001, 17

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Self:
        """Encode byte strings."""
        parts = list(chain.from_iterable((_LENGTH.pack(len(one)), one) for one in values))
        return cls._framed(len(parts) // 2, b"".join(parts))


class Texts(ByteStrings):
    """A ``text[]``."""

    oid, element_oid = 1009, 25

    @classmethod
    def of_texts(cls, values: Iterable[str]) -> Self:
        """Encode texts."""
        return cls.of(value.encode() for value in values)


def _register(kind: type[Array]) -> None:
    """Let psycopg send what is encoded already as it stands."""

    class _AsItStands(Dumper):
        format = Format.BINARY
        oid = kind.oid

        def dump(self, obj: Array) -> bytes:
            return obj

    psycopg.adapters.register_dumper(kind, _AsItStands)


for _kind in (SmallInts, Ints, BigInts, Doubles, ByteStrings, Texts):
    _register(_kind)
