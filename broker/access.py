"""Who may open a view: declared beside it, enforced here, and tested over every URL.

A function view wears the decorator::

    @access(ACCOUNT)
    def profile(request): ...

A view of the REST framework states it as an attribute, ``access = API``; its base class in
``broker.rest`` enforces that. A view that declares nothing fails a contract test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import resolve_url

View = Callable[..., HttpResponseBase]
LANDING = "/profile"
"""Where a form leads whose page is unknown, once its sender has signed in again."""
ROLES = ("admin", "operator", "shifter", "data_manager")
"""Names of Django's groups of staff; a superuser has every role."""
TELESCOPE_OPERATORS = ("operator", "admin")
"""Roles that command telescopes and see what became of it, on pages and by REST.

In the admin these have the permission ``COMMAND_TELESCOPES``.
"""
COMMAND_TELESCOPES = "pipeline.command_telescopes"


@dataclass(frozen=True)
class Access:
    """Who may open a view.

    Attributes
    ----------
    kind : str
        ``public``: anybody; ``account``: a browser that a Babamul account is signed in with;
        ``api``: a bearer token of a Babamul account; ``staff``: Django's own users.
    roles : tuple of str
        Of staff; one of them is enough, and none means any staff.
    """

    kind: Literal["public", "account", "api", "staff"]
    roles: tuple[str, ...] = ()


PUBLIC = Access("public")
ACCOUNT = Access("account")
API = Access("api")


def staff(*roles: str) -> Access:
    """Return the access of staff with one of ``roles``, or of any staff.

    Raises
    ------
    ValueError
        If a role is unknown.
    """
    if unknown := set(roles) - set(ROLES):
        raise ValueError(f"no role {', '.join(sorted(unknown))}; known: {', '.join(ROLES)}")
    return Access("staff", roles)


def access(needed: Access) -> Callable[[View], View]:
    """Declare and enforce who may open a function view.

    Raises
    ------
    ValueError
        For ``API``: bearer tokens are read by the REST framework's views only.
    """
    if needed.kind == "api":
        raise ValueError("a function view reads no bearer token: derive from broker.rest.ApiView")

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return refusal(request, needed) or view(request, *args, **kwargs)

        guarded.access = needed  # type: ignore[attr-defined] # read by declared()
        return guarded

    return declare


def declared(view: Any) -> Access | None:
    """Return what a view of the urlconf declares, or None."""
    holder = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    found = getattr(holder, "access", None)
    return found if isinstance(found, Access) else None


def refusal(request: HttpRequest, needed: Access) -> HttpResponse | None:
    """Return the answer to somebody who may not open a page, or None."""
    if needed.kind == "account" and getattr(request, "account", None) is None:
        return _ask_to_sign_in(request, "/login", LANDING)
    if needed.kind == "staff":
        return _refusal_of_staff(request, needed.roles)
    return None


def wants_json(request: HttpRequest) -> bool:
    """Return whether a program asks, for which a page to sign in would be of no use."""
    return (
        request.path.startswith(("/babamul", "/api/"))
        or request.path.endswith(".json")
        or request.headers.get("Accept", "").startswith("application/json")
    )


def has_role(user: Any, roles: tuple[str, ...]) -> bool:
    """Return whether staff ``user`` has one of ``roles``, or any may come."""
    return not roles or user.is_superuser or user.groups.filter(name__in=roles).exists()


def _refusal_of_staff(request: HttpRequest, roles: tuple[str, ...]) -> HttpResponse | None:
    user: Any = getattr(request, "user", None)  # None: an answer of a middleware before Django's
    if user is None or not (user.is_active and user.is_staff):
        return _ask_to_sign_in(request, resolve_url("admin:login"), resolve_url("admin:index"))
    if has_role(user, roles):
        return None
    text = f"needs one of the roles: {', '.join(roles)}"
    return JsonResponse({"message": text, "errors": {}}, status=403)


def _ask_to_sign_in(request: HttpRequest, address: str, landing: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"message": "sign in first", "errors": {}}, status=401)
    if request.headers.get("HX-Request") == "true":
        # A fragment's place is no place for a form: htmx opens the page as a whole.
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return redirect_to_login(_way_back(request, landing), address)


def _way_back(request: HttpRequest, landing: str) -> str:
    """Return the page to show after signing in; one that takes a form only answers no GET."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_ours = came_from.scheme in {"http", "https"} and came_from.netloc == request.get_host()
    page = came_from._replace(scheme="", netloc="", fragment="").geturl() if is_ours else ""
    # Two slashes would lead elsewhere; a form that was sent to its own page is shown again.
    return page if page.startswith("/") and not page.startswith("//") else landing
