"""What every view of the data stands on: the query layer's refusals, and heavy searches in turn."""

from contextlib import AbstractContextManager
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from broker.access import API
from broker.config import config
from broker.limits import concurrent
from broker.refusals import ApiError, field_error
from broker.rest import ApiView
from pipeline.alerts.query import QueryError, TooLongError

INT64 = {"type": "integer", "format": "int64"}
NUMBER = {"type": "number", "format": "double"}
TEXT = {"type": "string"}
RECORD = {"type": "object", "additionalProperties": {}}

SURVEY = OpenApiParameter(
    "survey",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=["ztf", "lsst"],
    description="in any case",
)
OBJECT_ID = OpenApiParameter(
    "object_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="whole name of the object"
)


class DataView(ApiView):
    """A view of the data, for accounts."""

    access = API

    def handle_exception(self, exc: Exception) -> Response:
        """Turn what the query layer refuses into a 400."""
        if isinstance(exc, QueryError):
            exc = field_error(exc.field, exc.rule)
        elif isinstance(exc, TooLongError):
            exc = ApiError(400, f"{exc}: ask for less (a shorter time, a smaller region)")
        return super().handle_exception(exc)


def in_turn(request: Request) -> AbstractContextManager[None]:
    """Hold one of the places that an account has for heavy searches."""
    limits = config().limits
    return concurrent(
        "searches", str(request.user.pk), limit=limits.searches, wait_s=limits.search_wait_s
    )


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
        "survey": {"type": "string", "enum": ["ZTF", "LSST"]},
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
