"""The topics: a tree with what goes through each, and for each its rule and how to read it."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from broker.access import PUBLIC, access
from broker.config import Config, config
from broker.kept import Seen
from pipeline import topics
from pipeline.alerts import explain
from pipeline.alerts.classify import rule_version
from pipeline.alerts.gate import NON_PUBLIC
from pipeline.sky import Footprint
from pipeline.topics import OutputTopic
from pipeline.web import figures, nights, snippets
from pipeline.web.figures import Figures, TopicFigures
from pipeline.web.flowchart import Drawn, draw
from pipeline.web.snippets import Choice

ALL = {each.name: each for each in (*topics.OUTPUTS, *topics.STEADY)}
REFRESH_S = 5


@dataclass(frozen=True)
class Row:
    """One topic in a list."""

    topic: OutputTopic
    figures: TopicFigures | None
    bytes_per_day: float | None = None


@dataclass(frozen=True)
class Group:
    """Topics that belong together."""

    title: str
    text: str
    rows: list[Row]


@access(PUBLIC)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show every topic with what goes through it; ``part=tables`` shows these alone."""
    is_part = request.GET.get("part") == "tables"
    name = "pipeline/topic_tables.html" if is_part else "pipeline/topics.html"
    context = {
        "groups": groups(figures.figures()),
        "families": topics.FAMILIES,
        "refresh_s": REFRESH_S,
    }
    return render(request, name, context)


@access(PUBLIC)
@require_safe
def topic(request: HttpRequest, name: str) -> HttpResponse:
    """Show one topic: its rule in force, its figures, and how to read it."""
    if name.startswith(topics.USER_FILTERS.prefix):
        return redirect(f"/filters/{name.removeprefix(topics.USER_FILTERS.prefix)}")
    if name not in ALL:
        raise Http404(f"no topic {name}")
    settings = config()
    mean_bytes = figures.mean_bytes(name)
    seen = known(name)
    context = {
        "topic": ALL[name],
        "figures": seen,
        "mean_bytes": mean_bytes,
        "bytes_per_day": mean_bytes * seen.week_mean if mean_bytes and seen else None,
        "retention_days": _retention_days(name, settings),
        "rule": rule(name, settings),
        "charts": charts(ALL[name].survey, settings),
        "gates": excluded(ALL[name].survey, settings),
        "rule_version": rule_version(settings.route),
        "gate_preset": settings.gate.preset,
        "footprint": _footprint(settings) if ALL[name].survey == "lsst" else "",
        "snippet": snippet((name,), settings),
        "schemas": [ALL[name].survey] if ALL[name].survey else list(explain.SURVEYS),
        "is_heartbeat": name == topics.HEARTBEAT_TOPIC,
        "refresh_s": REFRESH_S,
    }
    is_part = request.GET.get("part") == "figures"
    template = "pipeline/topic_figures.html" if is_part else "pipeline/topic.html"
    return render(request, template, context)


def groups(seen: Seen[Figures] | None) -> list[Group]:
    """Return the tree of topics, all with the figures of one look."""
    of_topic = seen.value if seen else {}

    def row(each: OutputTopic) -> Row:
        return Row(each, of_topic.get(each.name))

    found = []
    for survey in explain.SURVEYS:
        for is_matched in (True, False):
            words, _ = explain.match_rule(survey, is_matched=is_matched)
            other = topics.other_survey(survey).upper()
            title = f"{survey.upper()}, {'seen by' if is_matched else 'not seen by'} {other}"
            names = [
                each
                for each in topics.OUTPUTS
                if (parts := explain.topic_parts(each.name)) and parts[:2] == (survey, is_matched)
            ]
            found.append(Group(title, words, [row(each) for each in names]))
    none = [row(ALL[topics.NONE_TOPIC])]
    found.append(
        Group("Neither star, galaxy nor counterpart", explain.none_rule(config())[0], none)
    )
    text = "For trying a consumer at any hour. They repeat nothing from the sky."
    found.append(Group("Test streams", text, [row(each) for each in topics.STEADY]))
    return found


def known(name: str) -> TopicFigures | None:
    """Return a topic's figures, or None while Kafka has said nothing."""
    seen = figures.figures()
    return seen.value.get(name) if seen else None


def rule(name: str, settings: Config) -> dict[str, Any] | None:
    """Return a topic's rule: sentences and the whole expression; None for test topics."""
    if name == topics.NONE_TOPIC:
        words, expression = explain.none_rule(settings)
        return {"sentences": [words], "expression": expression}
    if (parts := explain.topic_parts(name)) is None:
        return None
    survey, is_matched, alert_class = parts
    return {
        "sentences": [
            "No gate stops it (below).",
            f"Its class is {alert_class} (the chart).",
            explain.match_rule(survey, is_matched=is_matched)[0],
        ],
        "expression": explain.topic_expression(
            survey, alert_class, settings, is_matched=is_matched
        ),
    }


def charts(survey: str | None, settings: Config) -> list[Drawn]:
    """Return the flowcharts that lead to a topic of a survey; of both without one."""
    surveys = [survey] if survey else list(explain.SURVEYS)
    return [draw(explain.chart(each, settings.route)) for each in surveys]


def excluded(survey: str | None, settings: Config) -> list[dict[str, Any]]:
    """Return each survey's gates, with how many alerts of its last night each stopped."""
    return [
        {
            "survey": each,
            "night": (last := nights.last(each)),
            "gates": [
                {**gate._asdict(), "stopped": _stopped(last, gate.name)}
                for gate in explain.gates(each, settings)
            ],
        }
        for each in ([survey] if survey else explain.SURVEYS)
    ]


def _stopped(last: nights.Night | None, gate: str) -> int | None:
    """Return how many alerts a gate stopped; None where nobody may know, or nobody does."""
    return None if last is None or gate == NON_PUBLIC else last.gated.get(gate, 0)


def snippet(names: tuple[str, ...], settings: Config) -> str:
    """Return a plain consumer of topics that asks the environment who it is."""
    kafka = settings.kafka
    choice = Choice(
        kafka.public_servers,
        "",
        "laptop",
        names,
        is_everything=True,
        protocol=kafka.public_protocol,
    )
    return snippets.confluent_kafka(choice)


def _retention_days(name: str, settings: Config) -> int:
    is_steady = ALL[name] in topics.STEADY
    return topics.STEADY_RETENTION_DAYS if is_steady else settings.babamul.retention_days


def _footprint(settings: Config) -> str:
    spec = settings.lspsc.footprint_moc
    if spec == "none":
        return "There is no footprint here: an alert without LSPSC source is unknown."
    if Footprint.load(spec).is_approximate:
        return "The LSPSC footprint is approximate here: galactic latitude beyond 18°."
    return "The LSPSC footprint is the catalog's own MOC."
