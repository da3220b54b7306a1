"""The items of a datum's arrays and maps, counted in its bytes before any of them is decoded.

Decoding is what costs: 7 MB of one-byte numbers become 154 MB of Python objects in 2.7 s. A count
alone costs nothing to claim, so each block's is looked at first, and all else is stepped over.
"""

from collections.abc import Callable, Mapping
from typing import Any

MAX_ITEMS = 10_000
"""Most items of one array, or entries of one map, in a whole datum."""

Step = Callable[[bytes, int, list[int]], int]
"""From where a value begins to where the next one does; counts items on its way."""

_FIXED_BYTES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_LONGEST_NUMBER = 10
_64_BITS = (1 << 64) - 1


class TooManyItemsError(ValueError):
    """An array or a map claims more than ``MAX_ITEMS``."""


class MalformedError(ValueError):
    """Bytes that no writer of Avro makes."""


class ArrayCounter:
    """Counts the items of every array and map of values written with one schema.

    Parameters
    ----------
    schema : dict
        A record schema in fastavro's parsed form, not recursive.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._named: Mapping[str, Any] = schema.get("__named_schemas", {})
        self._paths: list[str] = []
        self._step = self._compile(schema, "")

    def check(self, value: bytes, first: int, last: int) -> None:
        """Make sure that no array in ``value[first:last]`` is too long.

        Bytes that end too early are no matter here: the decoder meets the same end, after the same
        items.

        Raises
        ------
        TooManyItemsError
            Naming the field.
        MalformedError
            For a negative branch or an endless number.
        """
        try:
            self._step(value[first:last], 0, [0] * len(self._paths))
        except IndexError:
            return

    def _compile(self, schema: Any, path: str) -> Step:
        if isinstance(schema, str):
            return self._by_name(schema, path)
        if isinstance(schema, list):
            return _union([self._compile(branch, path) for branch in schema])
        kind = schema["type"]
        compilers: dict[str, Callable[[dict[str, Any], str], Step]] = {
            "record": self._record,
            "error": self._record,
            "array": self._array,
            "map": self._map,
            "enum": lambda _schema, _path: _number,
            "fixed": lambda schema, _path: _fixed(int(schema["size"])),
        }
        if isinstance(kind, str) and kind in compilers:
            return compilers[kind](schema, path)
        return self._compile(kind, path)

    def _by_name(self, name: str, path: str) -> Step:
        if name in _FIXED_BYTES:
            return _fixed(_FIXED_BYTES[name])
        if name in ("int", "long"):
            return _number
        if name in ("bytes", "string"):
            return _sized
        return self._compile(self._named[name], path)

    def _record(self, schema: dict[str, Any], path: str) -> Step:
        return _sequence(
            [
                self._compile(field["type"], f"{path}.{field['name']}" if path else field["name"])
                for field in schema["fields"]
            ]
        )

    def _array(self, schema: dict[str, Any], path: str) -> Step:
        return self._blocks(self._compile(schema["items"], path), path)

    def _map(self, schema: dict[str, Any], path: str) -> Step:
        return self._blocks(_sequence([_sized, self._compile(schema["values"], path)]), path)

    def _blocks(self, item: Step, path: str) -> Step:
        position = len(self._paths)
        self._paths.append(path)

        def step(value: bytes, at: int, counts: list[int]) -> int:
            while True:
                count, at = _read_number(value, at)
                if count == 0:
                    return at
                if count < 0:
                    count = -count
                    _, at = _read_number(value, at)
                counts[position] += count
                if counts[position] > MAX_ITEMS:
                    raise TooManyItemsError(f"{path}: {counts[position]} rows; at most {MAX_ITEMS}")
                for _ in range(count):
                    at = item(value, at, counts)

        return step


def _sequence(steps: list[Step]) -> Step:
    def step(value: bytes, at: int, counts: list[int]) -> int:
        for one in steps:
            at = one(value, at, counts)
        return at

    return step


def _union(branches: list[Step]) -> Step:
    def step(value: bytes, at: int, counts: list[int]) -> int:
        branch, at = _read_number(value, at)
        if branch < 0:
            raise MalformedError(f"branch {branch} of a union")
        return branches[branch](value, at, counts)

    return step


def _fixed(size: int) -> Step:
    return lambda _value, at, _counts: at + size


def _number(value: bytes, at: int, _counts: list[int]) -> int:
    return _read_number(value, at)[1]


def _sized(value: bytes, at: int, _counts: list[int]) -> int:
    size, at = _read_number(value, at)
    if size < 0:
        raise IndexError  # the decoder's read of so many bytes ends here, too
    return at + size


def _read_number(value: bytes, at: int) -> tuple[int, int]:
    """Return a zigzag number as a decoder with 64 bits reads it, and where the next byte is."""
    byte = value[at]
    if byte < 0x80:  # noqa: PLR2004 the bit that says "more follows"
        return (byte >> 1) ^ -(byte & 1), at + 1
    number = byte & 0x7F
    for more in range(1, _LONGEST_NUMBER):
        byte = value[at + more]
        number |= (byte & 0x7F) << (7 * more)
        if byte < 0x80:  # noqa: PLR2004
            number &= _64_BITS
            return (number >> 1) ^ -(number & 1), at + more + 1
    raise MalformedError("a number of more than ten bytes")
