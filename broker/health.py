"""What is up and what is down, part by part."""

from django.http import HttpRequest, JsonResponse


def page(_request: HttpRequest) -> JsonResponse:
    """Answer /health."""
    return JsonResponse({})
