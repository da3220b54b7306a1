"""The OpenAPI description: what no view has to repeat."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes

PREFIX = "/babamul/"
STAFF_PREFIX = "/api/"
LOGIN = f"{PREFIX}auth"
SCHEME = "babamul"
STAFF_SCHEME, STAFF_COOKIE = "staff", "session"
ERROR = {
    "type": "object",
    "required": ["message", "errors"],
    "properties": {
        "message": {"type": "string", "description": "one line for people"},
        "errors": {
            "type": "object",
            "description": "what is wrong by field",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "error": {"type": "string", "description": "a word for programs, where there is one"},
    },
}
"""Schema of every failure."""
FAILURES = {
    "400": "malformed",
    "404": "not found",
    "405": "not that way",
    "411": "without Content-Length",
    "413": "too large",
    "415": "neither JSON nor a form",
    "429": "too often: see Retry-After",
    "500": "our fault",
    "503": "busy: see Retry-After",
}
FAILURES_OF_TOKENS = {"401": "no valid token", "403": "the account is not active"}
METHODS = ("get", "post", "put", "patch", "delete")


class Schema(AutoSchema):
    """Describes a view; without ``@extend_schema`` as a plain object both ways."""

    def get_request_serializer(self) -> Any:
        """Return what the view reads."""
        return OpenApiTypes.OBJECT

    def get_response_serializers(self) -> Any:
        """Return what the view answers."""
        return OpenApiTypes.OBJECT


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers
    """Tells a program how to get a token."""

    target_class = "accounts.web.authentication.BabamulAuthentication"
    name = SCHEME

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return OAuth's password flow: what ``/babamul/auth`` speaks."""
        return {"type": "oauth2", "flows": {"password": {"tokenUrl": LOGIN, "scopes": {}}}}


class StaffScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers
    """Tells a program of staff's which token to send."""

    target_class = "accounts.web.staff_authentication.StaffTokenAuthentication"
    name = STAFF_SCHEME

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return a plain bearer token: an administrator makes it."""
        return {"type": "http", "scheme": "bearer"}


class StaffCookie(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers
    """Tells that a browser's session of staff will do."""

    target_class = "accounts.web.staff_authentication.StaffSessionAuthentication"
    name = STAFF_COOKIE

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the session's cookie; what changes something needs the CSRF header too."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


def only_described(endpoints: list[Any], **_: Any) -> list[Any]:
    """Return the endpoints without the descriptions themselves."""
    return [end for end in endpoints if "openapi" not in end[0]]


def with_failures(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation how it can fail."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for method in METHODS:
            if method not in path:
                continue
            security = path[method].get("security", [])
            needs_token = any({each: []} in security for each in (SCHEME, STAFF_SCHEME))
            known = FAILURES | (FAILURES_OF_TOKENS if needs_token else {})
            for status, text in known.items():
                answer = {"description": text, "content": content}
                path[method]["responses"].setdefault(status, answer)
    return result
