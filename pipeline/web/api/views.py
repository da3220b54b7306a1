"""What every view of the data stands on: the query layer's refusals, and heavy searches in turn."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from sqlalchemy.orm import Session

from broker.access import API
from broker.config import config
from broker.limits import concurrent
from broker.refusals import ApiError, TooLongError, field_error
from broker.rest import ApiView
from pipeline.alerts.query import QueryError, browsing
from pipeline.surveys import NAMES
from pipeline.web.api.filters import Checked
from pipeline.web.api.parameters import Format, check_body, check_query

INT64 = {"type": "integer", "format": "int64"}
NUMBER = {"type": "number", "format": "double"}
TEXT = {"type": "string"}
RECORD = {"type": "object", "additionalProperties": {}}

SURVEY = OpenApiParameter(
    "survey",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=NAMES,
    description="in any case",
)
OBJECT_ID = OpenApiParameter(
    "object_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="whole name of the object"
)


class DataView(ApiView):
    """A view of the data, for accounts."""

    access = API
    _turn: ExitStack

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; a place that was taken is held until the last byte of the answer has left."""
        with ExitStack() as self._turn:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            if isinstance(response, StreamingHttpResponse):
                held = self._turn.pop_all()
                response.streaming_content = _Held(response.streaming_content, held)
            return response

    def take_turn(self, request: Request) -> None:
        """Take one of the places that an account has for heavy searches.

        Raises
        ------
        ApiError
            429 if no place got free in time, or if too many wait already.
        """
        settings = config().limits
        place = concurrent(
            "searches",
            str(request.user.pk),
            limit=settings.searches,
            wait_s=settings.search_wait_s,
        )
        self._turn.enter_context(place)

    def handle_exception(self, exc: Exception) -> Response:
        """Turn what the query layer refuses into a 400."""
        if isinstance(exc, QueryError):
            exc = field_error(exc.field, exc.rule)
        elif isinstance(exc, TooLongError):
            exc = ApiError(400, f"{exc}: ask for less (a shorter time, a smaller region)")
        return super().handle_exception(exc)


class ConesView(DataView):
    """Something around up to 5000 positions; a subclass says what."""

    question: ClassVar[type[Serializer[Any]]]

    def post(self, request: Request, survey: str) -> HttpResponseBase:
        """Search around each position; every name is in the answer."""
        form = check_query(Format, request)["format"]
        asked = check_body(self.question, request)
        self.take_turn(request)
        with browsing() as session:
            found = self.search(session, survey, asked)
        return self.answer(survey, found, form)

    def search(self, session: Session, survey: str, asked: Checked) -> dict[str, list[Any]]:
        """Return what there is by name."""
        raise NotImplementedError

    def answer(self, survey: str, found: dict[str, list[Any]], form: str) -> HttpResponseBase:
        """Return it as ``json``, ``csv`` or ``parquet``."""
        raise NotImplementedError


class _Held:
    """Pieces of an answer, and what is let go when the server closes it."""

    def __init__(self, pieces: Any, held: ExitStack) -> None:
        self._pieces = pieces
        self._held = held

    def __iter__(self) -> Iterator[bytes]:
        """Return the pieces."""
        return iter(self._pieces)

    def close(self) -> None:
        """Let go; Django calls this once the answer has left, or its reader."""
        self._held.close()


def envelope(data: dict[str, Any]) -> dict[int | tuple[int, str], Any]:
    """Return the description of an answer that holds ``data``."""
    schema = {
        "type": "object",
        "required": ["status", "message", "data"],
        "properties": {"status": TEXT, "message": TEXT, "data": data},
    }
    return {200: schema}


def tabular(data: dict[str, Any]) -> dict[int | tuple[int, str], Any]:
    """Return the description of an answer that may also be CSV or Parquet."""
    return {
        (200, "application/json"): envelope(data)[200],
        (200, "text/csv"): OpenApiTypes.STR,
        (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
    }


def listed(item: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def by_name(item: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with any keys."""
    return {"type": "object", "additionalProperties": item}


ALERT = {
    "type": "object",
    "required": ["candid", "objectId", "candidate", "properties"],
    "properties": {
        "candid": INT64,
        "objectId": TEXT,
        "candidate": RECORD,
        "properties": {**RECORD, "nullable": True},
        "classifications": {**RECORD, "nullable": True},
        "host_searched_prob_vol": {**NUMBER, "nullable": True},
    },
}
FOUND_OBJECT = {
    "type": "object",
    "required": ["objectId", "survey", "ra", "dec"],
    "properties": {
        "objectId": TEXT,
        "survey": {"type": "string", "enum": [name.upper() for name in NAMES]},
        "ra": NUMBER,
        "dec": NUMBER,
        "distance_arcsec": NUMBER,
    },
}
MATCHES = by_name(listed(RECORD))
CUTOUTS = {
    "type": "object",
    "required": ["candid", "cutoutScience", "cutoutTemplate", "cutoutDifference"],
    "properties": {
        "candid": INT64,
        "jd": NUMBER,
        "cutoutScience": TEXT,
        "cutoutTemplate": TEXT,
        "cutoutDifference": TEXT,
    },
}
