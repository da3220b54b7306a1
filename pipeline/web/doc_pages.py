"""Pages to read: the guide, terms, privacy."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker.access import PUBLIC, access
from broker.config import config, project_path
from broker.logs import log
from pipeline import topics
from pipeline.alerts import explain
from pipeline.alerts.classify import rule_version
from pipeline.web.topic_pages import charts, snippet


@access(PUBLIC)
@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """Show how to use the streams and the API, with the rules and limits in force."""
    settings = config()
    context = {
        "charts": charts(None, settings),
        "matches": {
            survey: explain.match_rule(survey, is_matched=True)[0] for survey in explain.SURVEYS
        },
        "none": explain.none_rule(settings)[0],
        "snippet": snippet((topics.NONE_TOPIC,), settings),
        "servers": settings.kafka.public_servers,
        "protocol": settings.kafka.public_protocol,
        "retention_days": settings.babamul.retention_days,
        "rule_version": rule_version(settings.route),
        "limits": settings.limits,
        "accounts": settings.accounts,
        "test_topics": [each.name for each in topics.STEADY],
    }
    return render(request, "pipeline/guide.html", context)


@access(PUBLIC)
@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the operator's terms of use."""
    return _text(request, "Terms of use", config().operator.terms_file, "terms_file")


@access(PUBLIC)
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what the operator says about personal data, and what this software keeps."""
    return _text(request, "Privacy", config().operator.privacy_file, "privacy_file")


def _text(request: HttpRequest, title: str, file: str, setting: str) -> HttpResponse:
    context = {"title": title, "paragraphs": _paragraphs(file), "setting": f"operator.{setting}"}
    return render(request, "pipeline/text.html", context)


def _paragraphs(file: str) -> list[str]:
    """Return an operator's text in paragraphs; none without a file that can be read."""
    if not file:
        return []
    try:
        text = Path(project_path(file)).read_text()
    except OSError as error:
        log.warning("operator.text_missing", file=file, error=repr(error))
        return []
    return [part.strip() for part in text.split("\n\n") if part.strip()]
