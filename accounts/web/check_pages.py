"""The connection check: what the server sees of a consumer, a login on trial, a script for home."""

import math
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.cache import cache
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts import connection, connection_groups
from accounts.connection import Answer
from accounts.connection_groups import MOVED_WITHIN_S
from accounts.models import BabamulUser, KafkaCredential
from accounts.web.serializers import LONGEST_PASSWORD
from accounts.web.sessions import account_of
from broker.access import ACCOUNT, PUBLIC, access
from broker.config import config
from broker.errors import TransientError
from broker.kafka_groups import Group, group, groups, public_topics
from broker.kafka_probe import probe_reader
from broker.kafka_rights import PROBE_TOPIC
from broker.kafka_types import OLDEST_LIBRDKAFKA
from broker.limits import take

PROBE_S = 4.0
PROBES_PER_S, PROBES_AT_ONCE = 0.1, 5
LOOK_AGAIN_S = 3
REMEMBERED_S = 600
MOST_GROUPS = 20
DELETED_SHOWN = timedelta(days=7)
"""Who still runs a consumer with a deleted credential asks within that time."""
AWAY = Answer(
    "UNREACHABLE",
    "warn",
    "The broker does not answer",
    "It is not your fault. This page looks again; see the status page.",
)
BUSY = Answer("BUSY", "warn", "That was often", "Wait a few seconds before the next try.")


class LookForm(forms.Form):
    """Which consumer to look for."""

    credential = forms.ChoiceField(label="Credential")
    username = forms.CharField(
        label="User name as your consumer has it",
        required=False,
        help_text="Empty: taken to be right.",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    topic = forms.CharField(label="Topic", max_length=249, initial=PROBE_TOPIC)
    group = forms.CharField(
        label="Consumer group (group.id)",
        required=False,
        max_length=255,
        help_text="Empty: the one that our snippets use.",
    )

    def __init__(self, user: BabamulUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = {str(row.pk): row for row in _rows(user)}
        choices = [(key, f"{row.name} · {row.principal}") for key, row in self.rows.items()]
        self.fields["credential"] = forms.ChoiceField(label="Credential", choices=choices)

    @property
    def row(self) -> KafkaCredential:
        """The credential that was chosen."""
        return self.rows[self.cleaned_data["credential"]]

    @property
    def group_name(self) -> str:
        """The group that was given, or the one that snippets use."""
        return self.cleaned_data["group"].strip() or self.row.group()

    @property
    def asked(self) -> dict[str, str]:
        """What was asked, for the next look."""
        data = self.cleaned_data
        names = ("credential", "username", "topic")
        return {**{name: data[name] for name in names}, "group": self.group_name}


@access(ACCOUNT)
@require_safe
@never_cache
def check(request: HttpRequest) -> HttpResponse:
    """Show the check; with a credential chosen, what is seen of its consumer."""
    user = account_of(request)
    rows = _rows(user)
    if not rows:
        return render(request, "accounts/check.html", {"rows": rows})
    initial = {"credential": str(rows[0].pk), "topic": PROBE_TOPIC}
    form = LookForm(user, {**initial, **request.GET.dict()})
    context = {"rows": rows, "form": form, "every_s": LOOK_AGAIN_S, "script": script()}
    if form.is_valid():
        context |= {
            "answers": _look(form),
            "asked": form.asked,
            "query": urlencode(form.asked),
            "groups": _own(form.row),
        }
    return render(request, "accounts/check.html", context)


@access(ACCOUNT)
@require_safe
@never_cache
def waiting(request: HttpRequest) -> HttpResponse:
    """Return what is seen of a consumer now; the page asks again and again."""
    user = account_of(request)
    form = LookForm(user, request.GET)
    if not form.is_valid():
        return _refused(form)
    context = {
        "answers": _look(form),
        "query": urlencode(form.asked),
        "every_s": LOOK_AGAIN_S,
    }
    return render(request, "accounts/check_answers.html", context)


@access(ACCOUNT)
@require_POST
@never_cache
@sensitive_variables()
def password(request: HttpRequest) -> HttpResponse:
    """Log in with a pasted password, which is neither kept nor logged."""
    user = account_of(request)
    form = LookForm(user, request.POST)
    if not form.is_valid():
        return _refused(form)
    pasted = request.POST.get("password", "").strip()
    if not 0 < len(pasted) <= LONGEST_PASSWORD:
        rule = f"password: paste one, of at most {LONGEST_PASSWORD} characters"
        return JsonResponse({"message": rule, "errors": {"password": [rule]}}, status=400)
    tried, wait_s = _try(user, form, pasted)
    context = {"form": form, "tried": tried, "rows": [form.row]}
    if wait_s is None:
        return render(request, "accounts/check_tried.html", context)
    response = render(request, "accounts/check_tried.html", context, status=429)
    response["Retry-After"] = str(math.ceil(wait_s))
    response["HX-Reswap"] = "innerHTML"  # the page shows no other refusal
    return response


@access(PUBLIC)
@require_safe
def download(_: HttpRequest) -> HttpResponse:
    """Return the script that a person runs at home."""
    response = HttpResponse(script(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="check_babamul.py"'
    return response


def script() -> str:
    """Return the script that names what the server cannot see; it holds no secret."""
    kafka = config().kafka
    context = {
        "servers": kafka.public_servers,
        "protocol": kafka.public_protocol,
        "oldest": OLDEST_LIBRDKAFKA,
    }
    return render_to_string("accounts/check_babamul.py.txt", context)


def _rows(user: BabamulUser) -> list[KafkaCredential]:
    """Return an account's credentials, those that were deleted of late at the end."""
    long_gone = Q(state="revoked", confirmed_at__lt=Now() - DELETED_SHOWN)
    rows = list(user.credentials.exclude(long_gone).order_by("-kind", "created_at", "pk"))
    return sorted(rows, key=lambda row: row.state == "revoked")


def _refused(form: LookForm) -> JsonResponse:
    """Return what is wrong with what was asked."""
    if "credential" in form.errors:
        return JsonResponse({"message": "no such credential of yours"}, status=404)
    rules = [f"{name}: {' '.join(map(str, broken))}" for name, broken in form.errors.items()]
    return JsonResponse({"message": "; ".join(rules), "errors": form.errors}, status=400)


def _look(form: LookForm) -> list[Answer]:
    """Return what is wrong, or else what the broker sees of the group."""
    row = form.row
    try:
        found = [
            _of_username(form),
            connection.of_row(row),
            connection.of_topic(form.cleaned_data["topic"].strip(), public_topics()),
            connection.of_group_name(row, form.group_name),
        ]
        wrong = [answer for answer in found if answer is not None]
        if wrong:
            return wrong
        seen = group(form.group_name, connection_groups.kept_ms())
        return [connection_groups.of_group(row, form.group_name, seen, _moved_s(seen))]
    except TransientError:
        return [AWAY]


def _of_username(form: LookForm) -> Answer | None:
    typed = form.cleaned_data["username"]
    names = [row.principal for row in form.rows.values()]
    return connection.of_username(form.row, typed, names) if typed else None


def _own(row: KafkaCredential) -> list[dict[str, Any]]:
    """Return the groups of a named credential; those of addresses are nobody's alone."""
    if row.kind != "named":
        return []
    try:
        found = groups(row.group_prefix, kept_ms=connection_groups.kept_ms(), limit=MOST_GROUPS)
    except TransientError:
        return []
    return [
        {"it": each, "answer": connection_groups.of_group(row, each.name, each, _moved_s(each))}
        for each in found
    ]


def _moved_s(seen: Group | None) -> float | None:
    """Return for how long [s] a group has stood still; None: watched too short to say.

    It stands still only if messages wait for it, from the look that saw some first.
    """
    if seen is None:
        return None
    key, now_s = f"check:{seen.name}", time.time()
    position, moved_at_s, waits_since_s = cache.get(key, (seen.position, None, None))
    if position != seen.position:
        moved_at_s, waits_since_s = now_s, None
    waits_since_s = (waits_since_s or now_s) if seen.lag else None
    cache.set(key, (seen.position, moved_at_s, waits_since_s), REMEMBERED_S)
    moved_s = None if moved_at_s is None else float(now_s - moved_at_s)
    if moved_s is not None and moved_s <= MOVED_WITHIN_S:
        return moved_s
    stood_s = now_s - (waits_since_s or now_s)
    return stood_s if stood_s > MOVED_WITHIN_S else None


@sensitive_variables()
def _try(user: BabamulUser, form: LookForm, pasted: str) -> tuple[Answer, float | None]:
    """Return what a login of ours is told; BUSY with the time to wait [s] before the next one."""
    wrong = _of_username(form)
    if wrong is not None:
        return wrong, None
    wait_s = take("check-password", str(user.pk), rate_per_s=PROBES_PER_S, burst=PROBES_AT_ONCE)
    if wait_s is not None:
        return BUSY, wait_s
    row = form.row
    outcome = probe_reader(
        row.principal,
        pasted,
        config().kafka.public_servers,
        topic=PROBE_TOPIC,
        group=row.group(),
        limit_s=PROBE_S,
    )
    return connection.of_probe(row, outcome), None
