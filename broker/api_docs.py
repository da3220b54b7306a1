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
from broker.rest_schema import PREFIX, STAFF_PREFIX

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
def staff_openapi(_request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI description of what programs of staff may ask."""
    with _writing:
        return HttpResponse(_written(STAFF_PREFIX), content_type="application/json")


@access(PUBLIC)
@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Show Swagger UI; its files come from us."""
    return render(request, "broker/swagger.html")


class _Generator(SchemaGenerator):
    """Describes the views whose addresses begin with ``begin``."""

    begin = PREFIX

    def _get_paths_and_endpoints(self) -> list[Any]:
        found: list[Any] = super()._get_paths_and_endpoints()  # type: ignore[no-untyped-call]
        return [end for end in found if end[0].startswith(self.begin)]


def schema(begin: str = PREFIX) -> dict[str, Any]:
    """Return the OpenAPI description of the views whose addresses begin so."""
    generator: Any = _Generator()  # type: ignore[no-untyped-call] # of the library
    generator.begin = begin
    found: dict[str, Any] = generator.get_schema(request=None, public=True)
    if begin != PREFIX:
        found["info"] |= {"title": "Nightjar", "description": "Telescopes, for staff."}
    return found | {"servers": [{"url": "/"}]}  # whatever name we are reached by


@cache
def _written(begin: str = PREFIX) -> bytes:
    return write(schema(begin))
