"""The first page: what comes in, what goes out, and how to read it."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from sqlalchemy.exc import OperationalError

from broker.access import PUBLIC, access
from broker.config import config
from broker.db import transaction
from pipeline import topics
from pipeline.alerts import ledger
from pipeline.sky import Footprint

KEEP_S = 5
READ_TIMEOUT_S = 5


@access(PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show every stream and topic with what went through it; open to everybody."""
    figures = cache.get("home")
    if figures is None:
        figures = _figures()
        cache.set("home", figures, KEEP_S)
    settings = config()
    footprint = Footprint.load(settings.lspsc.footprint_moc)
    context = figures | {
        "servers": settings.kafka.public_servers,
        "retention_days": settings.babamul.retention_days,
        "footprint_is_approximate": footprint.is_approximate,
        "refresh_s": KEEP_S,
    }
    return render(request, "pipeline/home.html", context)


def _figures() -> dict[str, Any]:
    """Return the books by stream and by topic, or why there are none."""
    try:
        with transaction(statement_timeout_s=READ_TIMEOUT_S) as session:
            books = ledger.read(session)
    except OperationalError:
        return {"problem": "The database does not answer; see /health."}
    return {
        "streams": ledger.by_stream(books),
        "topics": [
            {"name": output.name, "text": output.description, "count": counts.get(output.name, 0)}
            for counts in [ledger.by_topic(books)]
            for output in topics.OUTPUTS
        ],
        "is_balanced": books.is_balanced,
        "unaccounted": books.unaccounted,
    }
