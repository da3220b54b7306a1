"""Objects: whole, by a part of the name, around positions; their catalogs."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from sqlalchemy.orm import Session

from broker.refusals import ApiError, field_error
from broker.rest import ok
from pipeline.alerts import partial_ids, query_matches, query_objects
from pipeline.alerts.query import browsing
from pipeline.alerts.query_objects import FoundObject
from pipeline.alerts.query_photometry import photometry_rows
from pipeline.web.api import answers
from pipeline.web.api.filters import Checked
from pipeline.web.api.parameters import (
    Format,
    JsonAlone,
    ObjectConeBatch,
    ObjectNames,
    ObjectSearch,
    check_body,
    check_query,
)
from pipeline.web.api.views import (
    FOUND_OBJECT,
    MATCHES,
    OBJECT_ID,
    RECORD,
    SURVEY,
    ConesView,
    DataView,
    by_name,
    envelope,
    listed,
    tabular,
)


class Object(DataView):
    """One object with everything that is known of it."""

    @extend_schema(
        parameters=[SURVEY, OBJECT_ID, Format],
        responses=envelope(RECORD),
        operation_id="get_object",
    )
    def get(self, request: Request, survey: str, object_id: str) -> HttpResponseBase:
        """Return the newest alert, the light curve, catalogs and the other survey's object.

        As csv or parquet: the light curve, one row for a point.
        """
        form = check_query(Format, request)["format"]
        with browsing() as session:
            found = required(session, survey, object_id)
            if form == "json":
                return ok(query_objects.full(session, found))
            rows = photometry_rows(session, found)
        return answers.light_curve_as_table(rows, form, f"{survey}_{object_id}")


class ObjectMatches(DataView):
    """Catalog rows near one object."""

    @extend_schema(
        parameters=[SURVEY, OBJECT_ID],
        responses=envelope(MATCHES),
        operation_id="get_cross_matches",
    )
    def get(self, request: Request, survey: str, object_id: str) -> Response:
        """Return the rows by catalog, nearest first; as JSON alone."""
        check_query(JsonAlone, request)
        with browsing() as session:
            found = required(session, survey, object_id)
            place = (found.ra_deg, found.dec_deg)
            return ok(query_matches.cross_matches(session, [place])[0])


class MatchesOfMany(DataView):
    """Catalog rows near up to 5000 objects."""

    @extend_schema(
        parameters=[SURVEY],
        request=ObjectNames,
        responses=envelope(by_name(MATCHES)),
        operation_id="get_cross_matches_bulk",
    )
    def post(self, request: Request, survey: str) -> Response:
        """Return the rows by object and catalog; unknown objects are left out; as JSON alone."""
        check_query(JsonAlone, request)
        names = check_body(ObjectNames, request)["object_ids"]
        self.take_turn(request)
        with browsing() as session:
            found = query_objects.find_all(session, survey, names)
            places = [(one.ra_deg, one.dec_deg) for one in found]
            matches = query_matches.cross_matches(session, places)
        return ok({one.object_id: rows for one, rows in zip(found, matches, strict=True)})


@extend_schema_view(
    post=extend_schema(
        parameters=[SURVEY, Format],
        request=ObjectConeBatch,
        responses=tabular(by_name(listed(FOUND_OBJECT))),
        operation_id="search_object_cones",
    )
)
class ObjectCones(ConesView):
    """Objects around up to 5000 positions, the nearest first."""

    question = ObjectConeBatch

    def search(self, session: Session, survey: str, asked: Checked) -> dict[str, list[Any]]:
        """Return objects."""
        places, radius_arcsec = asked["coordinates"], asked["radius_arcsec"]
        return query_objects.in_cones(session, survey, places, radius_arcsec)

    def answer(self, survey: str, found: dict[str, list[Any]], form: str) -> HttpResponseBase:  # noqa: ARG002 the form of its kind
        """Return the objects."""
        return ok(found) if form == "json" else answers.object_cones_as_table(found, form)


class Objects(DataView):
    """Objects of both surveys, by the beginning of their name or around a position."""

    @extend_schema(
        parameters=[ObjectSearch],
        responses=tabular(listed(FOUND_OBJECT)),
        operation_id="search_objects",
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return objects by name, or the nearest first."""
        asked = check_query(ObjectSearch, request)
        rows = self._found(request, asked)
        return (
            ok(rows)
            if asked["format"] == "json"
            else answers.objects_as_table(rows, asked["format"])
        )

    def _found(self, request: Request, asked: Checked) -> list[dict[str, Any]]:
        if "object_id" not in asked:
            self.take_turn(request)
            with browsing() as session:
                place = (asked["ra"], asked["dec"])
                return query_objects.near(session, place, asked["radius"], asked["limit"])
        prefix = partial_ids.parse(asked["object_id"])
        if prefix is None:
            raise field_error("object_id", partial_ids.RULE)
        with browsing() as session:
            return query_objects.by_prefix(session, *prefix, asked["limit"])


def required(session: Session, survey: str, object_id: str) -> FoundObject:
    """Return the object, or answer 404: also for one that has no alert to be shown."""
    found = query_objects.find(session, survey, object_id)
    if found is None:
        raise ApiError(404, f"no {survey.upper()} object {object_id[:128]!r}")
    return found
