"""Pages to come in by: sign up, activate, sign in and out, a new password."""

import difflib
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import credentials
from accounts.people import Activation
from accounts.sessions import OvertakenError
from accounts.web import entrances
from accounts.web.forms import ActivationForm, EmailForm, LoginForm, PageForm, ResetForm
from accounts.web.profile_pages import KAFKA_WAIT_S, shown
from accounts.web.sessions import sign_in, sign_out
from accounts.web.snippets import dotenv
from broker.access import PUBLIC, access
from broker.config import ROOT, config, project_path
from broker.refusals import ApiError

COMMON_DOMAINS = (
    "gmail.com",
    "outlook.com",
    "hotmail.com",
    "yahoo.com",
    "icloud.com",
    "proton.me",
    "caltech.edu",
    "umn.edu",
    "lsst.org",
)
page = require_http_methods(["GET", "HEAD", "POST"])


@access(PUBLIC)
@page
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account with an e-mail alone."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        return _show(request, "signup", form)
    email = form.cleaned_data["email"]
    try:
        entrances.sign_up(request, email)
    except ApiError as error:
        form.refuse(error)
        return _show(request, "signup", form, error.status_code)
    context = {
        "email": email.strip(),
        "meant": _meant(email),
        "holds_s": config().accounts.activation_ttl_s,
        **_mail_place(),
    }
    return render(request, "accounts/mailed.html", context)


@access(PUBLIC)
@page
@never_cache
@sensitive_post_parameters("code")
@sensitive_variables()
def activate(request: HttpRequest) -> HttpResponse:
    """Fill the form from the mail's link; only a press of the button activates."""
    if request.method != "POST":
        given = {"email": request.GET.get("email"), "code": request.GET.get("activation_code")}
        return _show(request, "activate", ActivationForm(initial=given))
    form = ActivationForm(request.POST)
    if not form.is_valid():
        return _show(request, "activate", form)
    try:
        done = entrances.activate(request, form.cleaned_data["email"], form.cleaned_data["code"])
    except ApiError as error:
        form.refuse(error)
        return _show(request, "activate", form, error.status_code)
    if done is None:
        form.add_error(None, entrances.WRONG_CODE)
        return _show(request, "activate", form, 400)
    return _activated(request, done)


@access(PUBLIC)
@page
@never_cache
@sensitive_post_parameters("password")
@sensitive_variables()
def log_in(request: HttpRequest) -> HttpResponse:
    """Sign in a browser."""
    form = LoginForm(request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        return _show(request, "login", form, next=_next(request))
    try:
        user = entrances.log_in(request, form.cleaned_data["email"], form.cleaned_data["password"])
    except ApiError as error:
        form.refuse(error)
        return _show(request, "login", form, error.status_code, next=_next(request))
    if user is None:
        form.add_error(None, entrances.WRONG_LOGIN)
        return _show(request, "login", form, 401, next=_next(request))
    response = HttpResponseRedirect(_next(request) or "/profile")
    try:
        sign_in(request, response, user)
    except OvertakenError:
        form.add_error(None, entrances.WRONG_LOGIN)
        return _show(request, "login", form, 401, next=_next(request))
    return response


@access(PUBLIC)
@require_POST
@never_cache
def log_out(request: HttpRequest) -> HttpResponse:
    """Sign this browser out."""
    response = redirect("/")
    sign_out(request, response)
    return response


@access(PUBLIC)
@page
@never_cache
@sensitive_post_parameters("code", "password")
@sensitive_variables()
def reset(request: HttpRequest) -> HttpResponse:
    """Ask for a code, or choose a new password with one."""
    if request.method == "POST":
        return _set_password(request) if "code" in request.POST else _mail_code(request)
    if "token" in request.GET:
        given = {"email": request.GET.get("email"), "code": request.GET["token"]}
        return _show(request, "new_password", ResetForm(initial=given))
    return _show(request, "forgotten", EmailForm())


def _mail_code(request: HttpRequest) -> HttpResponse:
    form = EmailForm(request.POST)
    if not form.is_valid():
        return _show(request, "forgotten", form)
    try:
        entrances.forget_password(request, form.cleaned_data["email"])
    except ApiError as error:
        form.refuse(error)
        return _show(request, "forgotten", form, error.status_code)
    given = ResetForm(initial={"email": form.cleaned_data["email"].strip()})
    return _show(request, "new_password", given, is_mailed=True, **_mail_place())


def _set_password(request: HttpRequest) -> HttpResponse:
    form = ResetForm(request.POST)
    if not form.is_valid():
        return _show(request, "new_password", form)
    asked = form.cleaned_data
    try:
        done = entrances.reset_password(
            request,
            asked["email"],
            asked["code"],
            asked["password"],
            revoke_all=asked["revoke_all"],
        )
    except ApiError as error:
        form.refuse(error)
        return _show(request, "new_password", form, error.status_code)
    if not done:
        form.add_error(None, entrances.WRONG_RESET)
        return _show(request, "new_password", form, 400)
    return render(request, "accounts/changed.html")


def _activated(request: HttpRequest, done: Activation) -> HttpResponse:
    rows = done.rows
    if done.password is None or done.credential is None or done.credential_password is None:
        return render(request, "accounts/activated_before.html", {"user": done.user})
    credentials.await_state([row.pk for row in rows], ("active",), KAFKA_WAIT_S)
    for row in rows:
        row.refresh_from_db()
    context = {
        "done": done,
        "account": done.user,
        "rows": [shown(row) for row in rows],
        "dotenv": dotenv(done.credential.principal, done.credential_password),
    }
    response = render(request, "accounts/activated.html", context)
    # Suspended, reset or deleted while Kafka was waited for: the passwords are shown all the same.
    with suppress(OvertakenError):
        sign_in(request, response, done.user)
    return response


def _show(
    request: HttpRequest, name: str, form: PageForm, status: int = 0, **context: Any
) -> HttpResponse:
    """Return a page with a form; one that was filled in wrongly says so in its status too."""
    status = status or (400 if form.errors else 200)
    return render(request, f"accounts/{name}.html", {"form": form, **context}, status=status)


def _next(request: HttpRequest) -> str:
    """Return where to go after signing in, if it is a page of ours; empty otherwise."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else ""


def _meant(email: str) -> str | None:
    """Return the address that a typing error may have hidden, judged by its domain alone."""
    local, _, domain = email.strip().lower().partition("@")
    if domain in COMMON_DOMAINS:
        return None
    near = difflib.get_close_matches(domain, COMMON_DOMAINS, n=1, cutoff=0.85)
    return f"{local}@{near[0]}" if near else None


def _mail_place() -> dict[str, Any]:
    """Return whether mails leave this machine, else the folder that its operator finds them in.

    A folder outside of the project stays unnamed: strangers see this page.
    """
    settings = config()
    folder = project_path(settings.mail.spool_dir or f"{settings.home}/mail")
    is_ours = folder.is_relative_to(ROOT)
    return {
        "has_mail_server": bool(settings.mail.host),
        "mail_folder": str(folder.relative_to(ROOT)) if is_ours else "",
    }
