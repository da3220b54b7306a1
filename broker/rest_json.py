"""JSON in and out: nothing that is no JSON is read, and nothing that is none is written.

Python's own reader takes NaN, reads ``1e999`` as infinity, and lets NUL and half a surrogate pair
through, which Postgres cannot store; Python's own writer writes NaN.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.parsers import FormParser as PlainFormParser
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

DEEPEST = 32
"""Levels of lists and objects; ours need four."""
NUL = "\x00"


class JSONParser(BaseParser):
    """Reads a JSON body; what is refused is said."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], *_: Any, **__: Any) -> Any:
        """Return the body.

        Raises
        ------
        ParseError
            If it is no JSON, deeper than 32 levels, or holds a number or text that cannot be kept.
        """
        raw: bytes = stream.read()
        try:
            return read(raw.decode())
        except UnicodeDecodeError as error:
            raise ParseError(f"malformed JSON: not UTF-8 at byte {error.start}") from None


class FormParser(PlainFormParser):
    """Reads a form; NUL is refused, which Postgres cannot store."""

    def parse(self, stream: IO[Any], *charset: Any, **named: Any) -> Any:
        """Return the form.

        Raises
        ------
        ParseError
            If a name or value holds NUL.
        """
        form = super().parse(stream, *charset, **named)
        if any(NUL in text for name, values in form.lists() for text in (name, *values)):
            raise ParseError("malformed form: holds NUL")
        return form


class JSONRenderer(BaseRenderer):
    """Writes JSON; what is not finite becomes null."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the body; empty for an answer without one."""
        return b"" if data is None else write(data)


def read(text: str) -> Any:
    """Return the value that ``text`` holds as JSON.

    Raises
    ------
    ParseError
        As :meth:`JSONParser.parse`.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ParseError(f"malformed JSON: deeper than {DEEPEST} levels") from None
    except ValueError as error:  # also an integer of more than 4300 digits
        raise ParseError(f"malformed JSON: {error}") from None
    for level, each in _walk(value):
        if level >= DEEPEST and isinstance(each, dict | list):
            raise ParseError(f"malformed JSON: deeper than {DEEPEST} levels")
        if isinstance(each, str) and not _can_be_kept(each):
            raise ParseError("malformed JSON: holds NUL or half a surrogate pair")
    return value


def write(value: Any) -> bytes:
    """Return ``value`` as JSON; NaN and the infinities become null."""
    try:
        return _encode(value)
    except ValueError:  # rare, and looking at every number of every answer would be dear
        return _encode(_without_nan(value))


def _encode(value: Any) -> bytes:
    return json.dumps(
        value, cls=JSONEncoder, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _walk(value: Any) -> Iterator[tuple[int, Any]]:
    """Yield every key and value with its level, without recursion."""
    waiting = [(0, value)]
    while waiting:
        level, each = waiting.pop()
        yield level, each
        if isinstance(each, dict):
            waiting += [(level + 1, key) for key in each]
            waiting += [(level + 1, below) for below in each.values()]
        elif isinstance(each, list):
            waiting += [(level + 1, below) for below in each]


def _can_be_kept(text: str) -> bool:
    if NUL in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if hasattr(value, "tolist"):
        return _without_nan(value.tolist())
    return value
