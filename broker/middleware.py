"""What is refused before any view is asked: bodies too large, requests too many, NUL.

And what is answered to everybody when Postgres is away.
"""

from collections.abc import Callable
from typing import ClassVar

from django.http import HttpRequest, HttpResponseBase

from broker import limits
from broker.config import config
from broker.error_pages import answer
from broker.logs import log
from broker.refusals import BUSY, BUSY_RETRY_S, UNANSWERED

GetResponse = Callable[[HttpRequest], HttpResponseBase]
MIB = 1_048_576


class Bodies:
    """Refuses bodies by the length that they declare; one without length is refused."""

    largest: ClassVar[dict[str, int]] = {"/skymap-search": 32 * MIB}
    """Bytes, by the end of the path."""
    else_largest: ClassVar[int] = MIB

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 411, 413 or 400 at once, or go on."""
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return answer(request, 411, "send the body with its Content-Length, not in chunks")
        allowed = self._allowed(request.path)
        if _length(request) > allowed:
            return answer(request, 413, f"the body is larger than {allowed // MIB} MiB")
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return answer(request, 400, "the address holds NUL")
        return self._get_response(request)

    def _allowed(self, path: str) -> int:
        for end, size_bytes in self.largest.items():
            if path.rstrip("/").endswith(end):
                return size_bytes
        return self.else_largest


class Requests:
    """Refuses an address that asks too often, before anybody looks at its token."""

    free: ClassVar[tuple[str, ...]] = ("/health",)
    """Asked by machines of ours; answered from what was seen a moment ago."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 429 at once, or go on."""
        if request.path in self.free:
            return self._get_response(request)
        settings = config().limits
        wait_s = limits.take(
            "address",
            limits.network(limits.client_ip(request)),
            rate_per_s=settings.address_per_s,
            burst=settings.address_burst,
        )
        if wait_s is None:
            return self._get_response(request)
        refused = answer(request, 429, "too many requests")
        refused["Retry-After"] = str(int(wait_s) + 1)
        return refused


class Database:
    """Says that the database does not answer, where a view did not."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on."""
        return self._get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer 503; leave whatever else broke to Django."""
        if not isinstance(exception, UNANSWERED):
            return None
        log.warning("web.database_failed", error=repr(exception))
        refused = answer(request, 503, BUSY)
        refused["Retry-After"] = str(BUSY_RETRY_S)
        return refused


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # no body is read then
