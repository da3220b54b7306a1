"""Every failure of a REST view as one shape of JSON; the unforeseen is left to Django's 500."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from broker.logs import log
from broker.refusals import BUSY, BUSY_RETRY_S, UNANSWERED, ApiError

Errors = dict[str, list[str]]
UNNAMED = ("detail", "non_field_errors")
"""Keys of the framework that name no field."""
_KINDS: tuple[tuple[type[Exception], int, str], ...] = (
    (Http404, 404, "not found"),
    (PermissionDenied, 403, "not allowed"),
    (RequestDataTooBig, 413, "the body is too large"),
    (SuspiciousOperation, 400, "malformed request"),
    (BadRequest, 400, "malformed request"),
    *((kind, 503, BUSY) for kind in UNANSWERED),
)
_SPEAKING = (Http404, PermissionDenied)
"""Raised by us, with words meant for whoever asked."""
_HEADERS = {503: {"Retry-After": str(BUSY_RETRY_S)}}


def as_json(error: Exception, _context: dict[str, Any]) -> Response | None:
    """Return the answer to a failed request, or None: then Django logs it and answers 500."""
    known = _known(error)
    if known is None:
        return None
    set_rollback()
    message, errors = _told(known)
    headers = dict(getattr(known, "headers", {}))
    if challenge := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait_s := getattr(known, "wait", None)) is not None:
        headers["Retry-After"] = str(round(wait_s))
    return Response(
        {"message": message, "errors": errors}, status=known.status_code, headers=headers
    )


def _known(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, UNANSWERED):
        log.warning("rest.database_failed", error=repr(error))
    for kind, status, text in _KINDS:
        if isinstance(error, kind):
            said = str(error) if kind in _SPEAKING else ""
            return ApiError(status, said or text, headers=_HEADERS.get(status))
    return None


def _told(error: exceptions.APIException) -> tuple[str, Errors]:
    if isinstance(error, ApiError):
        return error.message, error.errors
    found = list(_rules(error.detail, ""))
    errors: Errors = {}
    for field, rule in found:
        if field:
            errors.setdefault(field, []).append(rule)
    return "; ".join(f"{field}: {rule}" if field else rule for field, rule in found), errors


def _rules(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield each rule that was broken with the path of its field, as ``coordinates.a.0``."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            inner = path if name in UNNAMED else f"{path}.{name}".lstrip(".")
            yield from _rules(below, inner)
    elif isinstance(detail, list | tuple):
        for index, below in enumerate(detail):
            is_leaf = not isinstance(below, dict | list | tuple)
            yield from _rules(below, path if is_leaf else f"{path}.{index}".lstrip("."))
    else:
        yield path, str(detail)
