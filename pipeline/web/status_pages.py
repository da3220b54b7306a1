"""Public health: what works, how far behind we are, when each topic was last heard of.

It answers 200 and says what is down, also when everything is.
"""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker import health
from broker.access import PUBLIC, access
from broker.config import config
from pipeline import standins
from pipeline.watch import amiss
from pipeline.web import figures
from pipeline.web.topic_pages import ALL

REFRESH_S = 5
WORDS = {
    "ok": "Everything works.",
    "warning": "Everything works; somebody should look at something.",
    "down": "Something is down.",
}
TITLES = {
    "postgres": "Database",
    "replica": "Replica of the database",
    "migrations": "Tables",
    "alert_partitions": "Partitions of alerts",
    "dead_letters": "Messages set aside",
    "redis": "Task bells (Redis)",
    "workers": "Workers",
    "kafka": "Streams (Kafka)",
    "listener_ztf": "ZTF input",
    "listener_lsst": "LSST input",
    "listener_telescope_data": "Data of telescopes",
    "copies": "Copies on S3",
}


@access(PUBLIC)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the status; ``part=tables`` shows its tables alone."""
    is_part = request.GET.get("part") == "tables"
    name = "pipeline/status_tables.html" if is_part else "pipeline/status.html"
    context = _seen() | {"refresh_s": REFRESH_S, "standins": standins.found(config())}
    return render(request, name, context)


@access(PUBLIC)
@require_safe
def status_json(_request: HttpRequest) -> JsonResponse:
    """Answer the same for programs."""
    seen = _seen()
    answer = JsonResponse(
        {
            "status": seen["report"].state,
            "message": seen["words"],
            "checked_at": seen["report"].checked_at.isoformat(timespec="seconds"),
            "parts": {part["name"]: part["state"] for part in seen["parts"]},
            "topics": {
                row["name"]: {
                    "last_message_at_s": row["figures"].last_at_s,
                    "last_hour": row["figures"].last_hour,
                    "last_day": row["figures"].last_day,
                }
                for row in seen["topics"]
            },
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _seen() -> dict[str, Any]:
    report = health.report()
    report = replace(report, findings=(*report.findings, *amiss.findings(report)))
    known = figures.figures()
    return {
        "report": report,
        "words": WORDS[report.state],
        "parts": [
            {
                "name": finding.name,
                "title": TITLES.get(finding.name, finding.name.replace("_", " ")),
                "state": finding.state,
                # The text may name a command for operators; that is for /health.
                "text": finding.text.partition("; run:")[0].partition("; see")[0],
            }
            for finding in report.findings
        ],
        "topics": [
            {"name": name, "figures": known.value[name]}
            for name in ALL
            if known and name in known.value
        ],
    }
