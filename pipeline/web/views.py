"""The first page: what comes in, what goes out, and how to read it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker import health
from broker.access import PUBLIC, access
from broker.config import config
from broker.db import transaction
from broker.kept import Kept
from pipeline import standins, topics
from pipeline.alerts import ledger
from pipeline.alerts.gate import NON_PUBLIC
from pipeline.web import figures
from pipeline.web.topic_pages import groups

KEEP_S = 5.0
PATIENCE_S = 2.0
REFRESH_S = 5
READ_TIMEOUT_S = 30


@access(PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show every stream and topic; ``part=live`` shows only what changes."""
    is_part = request.GET.get("part") == "live"
    context = live() | {"refresh_s": REFRESH_S}
    if not is_part:
        settings = config()
        context |= {
            "servers": settings.kafka.public_servers,
            "protocol": settings.kafka.public_protocol,
            "retention_days": settings.babamul.retention_days,
            "standins": standins.found(settings),
        }
    return render(request, "pipeline/live.html" if is_part else "pipeline/home.html", context)


def live() -> dict[str, Any]:
    """Return what changes from moment to moment."""
    books = _books().get()
    seen = figures.figures()
    known = seen.value if seen else {}
    sky = [known[each.name] for each in topics.OUTPUTS if each.name in known]
    last_day = sum(f.last_day for f in sky) if known else None
    return {
        "inputs": None if last_day else _inputs(),
        "books": books.value if books else None,
        "groups": groups(seen),  # the same look: a later one may know more
        "last_at_s": max((f.last_at_s for f in sky if f.last_at_s is not None), default=None),
        "per_minute": sum(f.per_minute for f in sky) if known else None,
        "last_day": last_day,
    }


def _inputs() -> dict[str, Any]:
    """Return how many packets wait for their turn, and whether every listener is up."""
    found = [each for each in health.report().findings if each.name.startswith("listener_")]
    return {
        "lag": sum(each.facts.get("lag", 0) for each in found),
        "are_up": all(each.state == "ok" for each in found),
    }


@cache
def _books() -> Kept[Mapping[str, Any]]:
    """Return the books of all nights; adding them up takes the longer the more there is."""
    return Kept("books", _add_up, keep_s=KEEP_S, patience_s=PATIENCE_S)


def _add_up() -> Mapping[str, Any]:
    with transaction(statement_timeout_s=READ_TIMEOUT_S) as session:
        books = ledger.read(session)
    return {
        "streams": ledger.by_stream(_public(books)),
        "topics": ledger.by_topic(books),
        "is_balanced": books.is_balanced,
        "unaccounted": books.unaccounted,
    }


def _public(books: ledger.Ledger) -> ledger.Ledger:
    """Return the books without the alerts of private programs."""
    nights = [
        replace(night, gated={name: n for name, n in night.gated.items() if name != NON_PUBLIC})
        for night in books.nights
    ]
    return replace(books, nights=nights)
