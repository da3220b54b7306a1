"""Every answer of the web process counted: by interface, kind of client and status code."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from broker import metrics

APIS = (("/babamul", "babamul"), ("/api/", "staff"), ("/vo/", "vo"), ("/admin", "admin"))
"""What a path begins with; everything else is a page."""
NOT_COUNTED = ("/health", "/static/")
CLIENTS = (
    ("babamul", "babamul-python"),
    ("python-requests", "requests"),
    ("python-httpx", "httpx"),
    ("curl", "curl"),
    ("pyvo", "pyvo"),
    ("mozilla", "browser"),
)
"""What a ``User-Agent`` holds; the first that fits."""


class Counted:
    """Counts what was answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on, and count the answer."""
        response = self._get_response(request)
        if not request.path.startswith(NOT_COUNTED):
            labels = api_of(request.path), client_of(request.headers.get("User-Agent", ""))
            metrics.API_REQUESTS.labels(*labels, str(response.status_code)).inc()
        return response


def api_of(path: str) -> str:
    """Return which interface a path belongs to."""
    return next((name for begins, name in APIS if path.startswith(begins)), "pages")


def client_of(agent: str) -> str:
    """Return the kind of a client by what it calls itself."""
    if not agent:
        return "unknown"
    agent = agent.lower()
    return next((name for holds, name in CLIENTS if holds in agent), "other")
