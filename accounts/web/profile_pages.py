"""Pages of a signed-in account: what it has, and how it parts with it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import belongings, connection_groups, credentials, people, reminders, sessions
from accounts.credentials import ALIVE, UNSETTLED, CredentialError
from accounts.models import KafkaCredential
from accounts.web.forms import DeletionForm, NameForm, TokenForm
from accounts.web.sessions import account_of, session_of, sign_out
from accounts.web.snippets import dotenv
from broker.access import ACCOUNT, access
from broker.config import config
from broker.errors import TransientError
from broker.kafka_groups import groups
from broker.refusals import ApiError

KAFKA_WAIT_S = 3.0
"""A page that shows a new secret waits so long for Kafka; then it asks again by itself."""
MOST_GROUPS = 5
STATES = {
    "wanted": ("warn", "being granted"),
    "granting": ("warn", "being granted"),
    "active": ("ok", "ready"),
    "suspending": ("bad", "being suspended"),
    "suspended": ("bad", "suspended"),
    "needs_rotation": ("bad", "needs a new password"),
    "revoking": ("warn", "being deleted"),
    "revoked": ("off", "deleted"),
}
"""Badge and words of each state of a credential."""


@access(ACCOUNT)
@require_safe
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Show credentials, tokens and sessions."""
    return _profile(request)


@access(ACCOUNT)
@require_POST
@never_cache
@sensitive_variables()
def create_credential(request: HttpRequest) -> HttpResponse:
    """Make a named credential and show its password, once."""
    form = NameForm(request.POST, prefix="credential")
    if not form.is_valid():
        return _profile(request, 400, credential_form=form)
    try:
        row, password = belongings.new_credential(account_of(request), form.cleaned_data["name"])
    except ApiError as error:
        form.refuse(error)
        return _profile(request, error.status_code, credential_form=form)
    return _shown_once(request, row, password)


@access(ACCOUNT)
@require_POST
@never_cache
@sensitive_variables()
def rotate_credential(request: HttpRequest, credential_id: str) -> HttpResponse:
    """Draw another password and show it, once."""
    row = _find(request, credential_id)
    try:
        row, password = belongings.rotate_credential(account_of(request), row)
    except CredentialError as error:
        messages.error(request, f"{row.name}: {error}.")
        return redirect("/profile#kafka")
    return _shown_once(request, row, password)


@access(ACCOUNT)
@require_POST
@never_cache
def delete_credential(request: HttpRequest, credential_id: str) -> HttpResponse:
    """Take a credential away."""
    row = belongings.revoke_credential(account_of(request), _find(request, credential_id))
    credentials.await_state([row.pk], ("revoked",), KAFKA_WAIT_S)
    messages.success(request, f"{row.name} is being deleted: its consumers stop within seconds.")
    return redirect("/profile#kafka")


@access(ACCOUNT)
@require_safe
@never_cache
def credential_state(request: HttpRequest, credential_id: str) -> HttpResponse:
    """Return the badge of one credential; the page asks again while it is not settled."""
    row = belongings.find_any_credential(account_of(request), credential_id)
    if row is None:
        raise Http404("no such credential of yours")
    return render(request, "accounts/state.html", {"row": shown(row)})


@access(ACCOUNT)
@require_safe
@never_cache
def credential_groups(request: HttpRequest, credential_id: str) -> HttpResponse:
    """Return the consumer groups of one named credential and how far each has read."""
    row = _find(request, credential_id)
    try:
        found = groups(row.group_prefix, kept_ms=connection_groups.kept_ms(), limit=MOST_GROUPS)
    except TransientError:
        found = None
    return render(request, "accounts/groups.html", {"row": row, "groups": found})


@access(ACCOUNT)
@require_POST
@never_cache
@sensitive_variables()
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a personal token and show it, once."""
    form = TokenForm(request.POST, prefix="token")
    if not form.is_valid():
        return _profile(request, 400, token_form=form)
    asked = form.cleaned_data
    try:
        row, token = belongings.new_token(account_of(request), asked["name"], asked["days"])
    except ApiError as error:
        form.refuse(error)
        return _profile(request, error.status_code, token_form=form)
    return _profile(request, new_token={"row": row, "token": token})


@access(ACCOUNT)
@require_POST
@never_cache
def delete_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """Delete a personal token."""
    if not belongings.delete_token(account_of(request), token_id):
        raise Http404("no such token of yours")
    messages.success(request, "The token is deleted and opens nothing any more.")
    return redirect("/profile#tokens")


@access(ACCOUNT)
@require_POST
@never_cache
def sign_out_others(request: HttpRequest) -> HttpResponse:
    """Sign every other browser out."""
    count = sessions.close_others(account_of(request), kept=session_of(request))
    messages.success(request, f"Signed out elsewhere: {count}.")
    return redirect("/profile#sessions")


@access(ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete_account(request: HttpRequest) -> HttpResponse:
    """Ask for the address again, then delete the account."""
    user = account_of(request)
    form = DeletionForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        if form.cleaned_data["email"].strip().lower() == user.email:
            people.delete(user, f"account:{user.pk}")
            response = render(request, "accounts/deleted.html", {"account": None})
            sign_out(request, response)
            return response
        form.add_error("email", "This is not the account's address.")
    status = 400 if form.errors else 200
    return render(request, "accounts/delete.html", {"form": form}, status=status)


def _shown_once(request: HttpRequest, row: KafkaCredential, password: str) -> HttpResponse:
    credentials.await_state([row.pk], ("active",), KAFKA_WAIT_S)
    row.refresh_from_db()
    made = {"row": shown(row), "password": password, "dotenv": dotenv(row.principal, password)}
    return _profile(request, new_credential=made)


def _profile(request: HttpRequest, status: int = 200, **extra: Any) -> HttpResponse:
    user = account_of(request)
    rows = user.credentials.exclude(state="revoked").order_by("kind", "created_at", "pk")
    context = {
        "user": user,
        "credentials": [shown(row) for row in rows],
        "tokens": user.tokens.order_by("created_at", "pk"),
        "sessions": sessions.living(user),
        "this_session": session_of(request),
        "credential_form": NameForm(prefix="credential"),
        "token_form": TokenForm(prefix="token"),
        "reminders": reminders.link(user),
        "now": timezone.now(),
        "servers": config().kafka.public_servers,
        "protocol": config().kafka.public_protocol,
        **extra,
    }
    return render(request, "accounts/profile.html", context, status=status)


def shown(row: KafkaCredential) -> dict[str, Any]:
    """Return a credential with the words and the acts that fit its state."""
    badge, words = STATES[row.state]
    return {
        "it": row,
        "badge": badge,
        "words": words,
        "is_open": row.state in UNSETTLED,
        "may_rotate": row.kind == "named" and row.state in ALIVE,
        "may_delete": row.kind == "named" and row.state != "revoking",
    }


def _find(request: HttpRequest, credential_id: str) -> KafkaCredential:
    row = belongings.find_credential(account_of(request), credential_id)
    if row is None:
        raise Http404("no such credential of yours")
    return row
