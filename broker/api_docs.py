"""The description of the API: OpenAPI for programs, Swagger UI for people."""

import threading
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from broker.access import PUBLIC, access
from broker.rest_json import write

_writing = threading.Lock()
"""The library loads its classes while it writes: two threads at once would meet half of one."""


@access(PUBLIC)
@require_safe
def openapi(_request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI description; it changes with the code alone."""
    with _writing:
        return HttpResponse(_written(), content_type="application/json")


@access(PUBLIC)
@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Show Swagger UI; its files come from us."""
    return render(request, "broker/swagger.html")


def schema() -> dict[str, Any]:
    """Return the OpenAPI description."""
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call] # of the library
    found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found | {"servers": [{"url": "/"}]}  # whatever name we are reached by


@cache
def _written() -> bytes:
    return write(schema())
