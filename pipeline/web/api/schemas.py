"""The Avro schemas of the public messages."""

import json

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from broker.access import PUBLIC
from broker.rest import bare
from pipeline.alerts.schemas import OUTPUT_TEXT
from pipeline.web.api.views import SURVEY, DataView


class Schemas(DataView):
    """The schema that every message of a survey carries."""

    access = PUBLIC

    @extend_schema(parameters=[SURVEY], responses=OpenApiTypes.OBJECT, operation_id="get_schema")
    def get(self, request: Request, survey: str) -> Response:  # noqa: ARG002 routed
        """Return the Avro schema itself, without an envelope."""
        return bare(json.loads(OUTPUT_TEXT[survey]))
