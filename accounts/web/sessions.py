"""The browser's side of a session: one cookie of 256 random bits, which names a row."""

from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from accounts.models import BabamulUser, WebSession
from accounts.sessions import OvertakenError, close_session, find_session, open_session
from broker.logs import log

COOKIE = "nightjar_account"
COOKIE_LIFE_S = 31_536_000
"""A year: the row decides when a session has idled away, not the cookie."""
GetResponse = Callable[[HttpRequest], HttpResponseBase]


class AccountMiddleware:
    """Sets ``request.account``: the signed-in account, or None. It is never Django's user.

    What is shown to somebody who is signed in is kept by no cache.
    """

    closed: tuple[str, ...] = ("/babamul/", "/static/", "/admin/", "/health")
    """Where no account is looked up: a session never opens the API, nor staff's pages."""
    pages: tuple[str, ...] = ("/babamul/docs",)
    """Among those, pages that are open to all: their frame greets who is signed in."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look the cookie up, and answer."""
        is_closed = request.path.startswith(self.closed) and request.path not in self.pages
        session = None if is_closed else _session(request.COOKIES.get(COOKIE, ""))
        request.account = session.user if session else None  # type: ignore[attr-defined] # ours
        request.account_session = session  # type: ignore[attr-defined] # ours
        response = self._get_response(request)
        if session and not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        if not is_closed:
            patch_vary_headers(response, ["Cookie"])
        return response

    def process_exception(
        self,
        request: HttpRequest,  # noqa: ARG002 the framework's form
        exception: Exception,
    ) -> HttpResponseBase | None:
        """Send to the log-in whose session ended while its request was under way."""
        return redirect("login") if isinstance(exception, OvertakenError) else None


def _session(key: str) -> WebSession | None:
    try:
        return find_session(key) if key else None
    except OperationalError as error:  # public pages go on without Postgres
        log.warning("session.no_database", error=repr(error))
        return None


def account_of(request: HttpRequest) -> BabamulUser:
    """Return the signed-in account of a page that only an account opens."""
    found: BabamulUser = request.account  # type: ignore[attr-defined] # set above
    return found


def session_of(request: HttpRequest) -> WebSession:
    """Return its session."""
    found: WebSession = request.account_session  # type: ignore[attr-defined] # set above
    return found


def sign_in(request: HttpRequest, response: HttpResponse, user: BabamulUser) -> None:
    """Give the browser a new session; any older one of this browser ends."""
    sign_out(request, response)
    key = open_session(user, request.headers.get("User-Agent", ""))
    response.set_cookie(
        COOKIE,
        key,
        max_age=COOKIE_LIFE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def sign_out(request: HttpRequest, response: HttpResponse) -> None:
    """End the browser's session."""
    if key := request.COOKIES.get(COOKIE, ""):
        close_session(key)
    response.delete_cookie(COOKIE, samesite="Lax")
