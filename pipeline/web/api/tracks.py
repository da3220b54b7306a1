"""Tracks of moving objects and light-curve fits: asked for by clients, not made here yet."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from broker.refusals import ApiError, field_error
from pipeline.web.api.parameters import FitParameters, check_query
from pipeline.web.api.views import RECORD, SURVEY, DataView, envelope

TRACK_ID = OpenApiParameter(
    "track_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="as BT000001"
)


class Track(DataView):
    """One moving object's track."""

    @extend_schema(
        parameters=[SURVEY, TRACK_ID], responses=envelope(RECORD), operation_id="get_track"
    )
    def get(self, request: Request, survey: str, track_id: str) -> Response:  # noqa: ARG002 routed
        """Answer 404: this server links no tracks."""
        raise ApiError(404, f"no track {track_id[:64]!r}: this server links none")


class VillarFit(DataView):
    """The light-curve fit of an alert."""

    @extend_schema(
        parameters=[SURVEY, FitParameters],
        responses=envelope(RECORD),
        operation_id="get_villar_fit",
    )
    def get(self, request: Request, survey: str) -> Response:
        """Answer 404: this server fits none."""
        if survey != "ztf":
            raise field_error("survey", "must be ztf: only its light curves are fitted")
        check_query(FitParameters, request)
        raise ApiError(404, "this alert is not fitted: this server fits none")
