"""The OpenAPI description: what no view has to repeat."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes

PREFIX = "/babamul/"
LOGIN = f"{PREFIX}auth"
SCHEME = "babamul"
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


def only_babamul(endpoints: list[Any], **_: Any) -> list[Any]:
    """Return the endpoints of the public API, without the description itself."""
    return [end for end in endpoints if end[0].startswith(PREFIX) and "openapi" not in end[0]]


def with_failures(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation how it can fail."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for method in METHODS:
            if method not in path:
                continue
            needs_token = {SCHEME: []} in path[method].get("security", [])
            known = FAILURES | (FAILURES_OF_TOKENS if needs_token else {})
            for status, text in known.items():
                answer = {"description": text, "content": content}
                path[method]["responses"].setdefault(status, answer)
    return result
