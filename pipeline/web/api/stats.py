"""Counts for everybody."""

from datetime import UTC, date, datetime
from typing import Any

from django.core.cache import cache
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from broker.access import PUBLIC
from broker.config import config
from broker.limits import client_ip, concurrent, network
from broker.refusals import ApiError, field_error
from broker.rest import ok
from pipeline.alerts import query_stats
from pipeline.alerts.query import browsing
from pipeline.surveys import NAMES, SURVEYS
from pipeline.topics import OUTPUTS
from pipeline.web import figures
from pipeline.web.api.parameters import Nights, check_query
from pipeline.web.api.views import INT64, RECORD, TEXT, DataView, envelope, listed

FIRST_NIGHT = date(2018, 1, 1)
KEEP_NIGHTS_S = 300
MAX_DAYS = 400
"""Longest range of one answer: a year and what is compared with it."""
AT_ONCE = 2
"""Ranges of one address that are added up at once; anybody may ask."""
WAIT_S = 5.0
KEEP_COLLECTIONS_S = 3600
NIGHT = {
    "type": "object",
    "required": ["date"],
    "properties": {"date": TEXT, **dict.fromkeys(NAMES, INT64)},
}


class Nightly(DataView):
    """Public alerts of each night."""

    access = PUBLIC

    @extend_schema(
        parameters=[Nights], responses=envelope(listed(NIGHT)), operation_id="stats_nightly"
    )
    def get(self, request: Request) -> Response:
        """Return the counts by night, which runs from local noon to noon."""
        asked = check_query(Nights, request)
        start, end = asked["start_date"], asked["end_date"]
        wanted = asked.get("survey", "").lower()
        if wanted and wanted not in NAMES:
            raise field_error("survey", f"must be one of {', '.join(NAMES)}")
        if start < FIRST_NIGHT:
            raise field_error("start_date", f"must be {FIRST_NIGHT} or later")
        if end > datetime.now(UTC).date():
            raise field_error("end_date", "must not be in the future")
        if start > end:
            raise field_error("end_date", "must not be before start_date")
        if (end - start).days >= MAX_DAYS:
            raise field_error("end_date", f"must be less than {MAX_DAYS} days after start_date")
        chosen = (wanted,) if wanted else NAMES
        key = f"stats:nightly:{start}:{end}:{','.join(chosen)}"
        if (known := cache.get(key)) is not None:
            return ok(known)
        address = network(client_ip(request._request))  # noqa: SLF001 as Django saw it
        with concurrent("nights", address, limit=AT_ONCE, wait_s=WAIT_S):
            found = cache.get_or_set(key, lambda: _nights(start, end, chosen), KEEP_NIGHTS_S)
        return ok(found)


class Collections(DataView):
    """The tables behind the answers."""

    access = PUBLIC

    @extend_schema(responses=envelope(RECORD), operation_id="stats_collections")
    def get(self, request: Request) -> Response:  # noqa: ARG002 the framework's form
        """Return name, estimated rows and bytes of each."""
        found = cache.get_or_set("stats:collections", _collections, KEEP_COLLECTIONS_S) or []
        return ok({"n_collections": len(found), "collections": found})


class Topics(DataView):
    """The public topics."""

    access = PUBLIC

    @extend_schema(responses=envelope(listed(RECORD)), operation_id="stats_kafka")
    def get(self, request: Request) -> Response:  # noqa: ARG002 the framework's form
        """Return how many messages each holds, and how long it keeps them."""
        seen = figures.figures()
        if seen is None:
            raise ApiError(
                503, "Kafka does not answer: try again later", headers={"Retry-After": "30"}
            )
        retention_days = config().babamul.retention_days
        return ok(
            [
                {
                    "name": output.name,
                    "n_alerts": seen.value[output.name].kept,
                    "retention_days": retention_days,
                }
                for output in OUTPUTS
                if output.is_public
            ]
        )


def _nights(start: date, end: date, names: tuple[str, ...]) -> list[dict[str, Any]]:
    counts: dict[date, dict[str, int]] = {}
    with browsing() as session:
        for survey in SURVEYS:
            if survey.name in names:
                for night, count in query_stats.nightly(session, survey, start, end).items():
                    counts.setdefault(night, {})[survey.name] = count
    return [{"date": f"{night}", **counts[night]} for night in sorted(counts)]


def _collections() -> list[dict[str, Any]]:
    with browsing() as session:
        return query_stats.collections(session)
