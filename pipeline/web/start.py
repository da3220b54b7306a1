"""The topic wizard: from a choice of topics to code that reads them, with one's own names."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker.access import PUBLIC, access
from broker.config import config
from broker.kafka_types import OLDEST_LIBRDKAFKA, USUAL_SUFFIX
from pipeline import topics
from pipeline.topics import OutputTopic
from pipeline.web import figures, snippets, topic_pages
from pipeline.web.figures import TopicFigures
from pipeline.web.snippets import Choice

_SUFFIX = re.compile(r"[A-Za-z0-9._-]{1,40}")
FORMATS = (
    ("babamul", "Python, babamul client", snippets.babamul),
    ("confluent", "Python, confluent-kafka", snippets.confluent_kafka),
    ("kcat", "kcat", snippets.kcat),
    ("properties", "client.properties: Java, console consumer", snippets.client_properties),
    ("dotenv", ".env", snippets.dotenv),
)


@dataclass(frozen=True)
class Wizard:
    """What the page's address asks for, as far as it makes sense.

    Attributes
    ----------
    choice : Choice
        For the snippets.
    credential : object or None
        The row that is to be used; None: nobody is signed in, or there is none.
    suffix : str
        End of the consumer group.
    problems : tuple of str
        What of the address was not understood, for people.
    """

    choice: Choice
    credential: Any
    suffix: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Leaf:
    """One topic of the tree.

    Attributes
    ----------
    topic : OutputTopic
        Its name and what it carries, in words.
    expression : str
        The rule in force; empty for test streams.
    figures : TopicFigures or None
        What goes through it; None while Kafka has said nothing.
    day_bytes : float or None
        What a day of it weighs [bytes].
    """

    topic: OutputTopic
    expression: str
    figures: TopicFigures | None
    day_bytes: float | None


@access(PUBLIC)
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Show the topics, the ways to begin and the code."""
    wizard = _read(request)
    shown = [each for each in FORMATS if each[0] != "babamul" or wizard.choice.is_for_client]
    if wizard.choice.since:
        shown.insert(0, ("begin", f"First, once: begin at {wizard.choice.since}", snippets.begin))
    context = {
        "tree": _tree(),
        "wizard": wizard,
        "credentials": _credentials(request),
        "code": [(name, label, write(wizard.choice)) for name, label, write in shown],
        "query": _query(wizard).urlencode(),
        "retention_days": config().babamul.retention_days,
        "oldest_librdkafka": OLDEST_LIBRDKAFKA,
        "today": datetime.now(UTC).date(),
    }
    return render(request, "pipeline/start.html", context, status=400 if wizard.problems else 200)


def snippets_of(request: HttpRequest, topic: str) -> list[tuple[str, str]]:
    """Return code that reads one topic, with the names of whoever asks: title and text."""
    credential = _credential(request)
    settings = config().kafka
    choice = Choice(
        settings.public_servers,
        credential.principal if credential else "",
        credential.group(USUAL_SUFFIX) if credential else USUAL_SUFFIX,
        (topic,),
        is_everything=True,
        is_local=settings.public_host == "localhost",
        protocol=settings.public_protocol,
    )
    shown = FORMATS[:2] if choice.is_for_client else FORMATS[1:2]
    return [(label, write(choice)) for _, label, write in shown]


@access(PUBLIC)
@require_safe
def notebook(request: HttpRequest) -> HttpResponse:
    """Hand out the same as a Jupyter notebook."""
    wizard = _read(request)
    if wizard.problems:
        raise Http404("; ".join(wizard.problems))
    return HttpResponse(
        snippets.notebook(wizard.choice),
        content_type="application/x-ipynb+json",
        headers={"Content-Disposition": 'attachment; filename="nightjar.ipynb"'},
    )


def _read(request: HttpRequest) -> Wizard:
    asked = request.GET
    known = {each.name for each in _all()}
    wanted = dict.fromkeys(asked.getlist("topic"))
    problems = [f"There is no topic {name!r}." for name in wanted if name not in known]
    chosen = tuple(name for name in wanted if name in known) or tuple(topics.TEST_TOPICS.values())
    suffix = asked.get("suffix", "").strip() or USUAL_SUFFIX
    if not _SUFFIX.fullmatch(suffix):
        problems.append("A group's suffix has 1 to 40 letters, digits or . _ -")
        suffix = USUAL_SUFFIX
    since, problem = _since(asked)
    problems += [problem] if problem else []
    credential = _credential(request)
    settings = config().kafka
    choice = Choice(
        settings.public_servers,
        credential.principal if credential else "",
        credential.group(suffix) if credential else suffix,
        chosen,
        asked.get("start") != "new",
        settings.public_host == "localhost",
        since,
        settings.public_protocol,
    )
    return Wizard(choice, credential, suffix, tuple(problems))


def _since(asked: QueryDict) -> tuple[date | None, str]:
    """Return the day to begin with, if one is asked for, and what is wrong with it."""
    if asked.get("start") != "date":
        return None, ""
    text = asked.get("since", "")
    if not text:
        return None, "Choose the day to begin with."
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, f"{text!r} is no day: write it as {datetime.now(UTC):%Y-%m-%d}."
    if day > datetime.now(UTC).date():
        return None, f"{day} is yet to come (UTC)."
    return day, ""


def _credentials(request: HttpRequest) -> list[Any]:
    """Return what the signed-in account may log in with, named ones first."""
    account: Any = getattr(request, "account", None)
    if account is None:
        return []
    gone = ("revoking", "revoked")
    return list(account.credentials.exclude(state__in=gone).order_by("-kind", "created_at"))


def _credential(request: HttpRequest) -> Any:
    found = _credentials(request)
    wanted = request.GET.get("credential", "")
    return next((row for row in found if str(row.pk) == wanted), found[0] if found else None)


def _query(wizard: Wizard) -> QueryDict:
    """Return the choice as an address holds it."""
    query = QueryDict(mutable=True)
    query.setlist("topic", list(wizard.choice.topics))
    query["start"] = "everything" if wizard.choice.is_everything else "new"
    if wizard.choice.since:
        query["start"], query["since"] = "date", str(wizard.choice.since)
    query["suffix"] = wizard.suffix
    if wizard.credential:
        query["credential"] = str(wizard.credential.pk)
    return query


def _all() -> tuple[OutputTopic, ...]:
    tests = set(topics.TEST_TOPICS.values())
    return (*topics.OUTPUTS, *(each for each in topics.STEADY if each.name in tests))


def _tree() -> list[tuple[str, list[Leaf]]]:
    """Return the topics under headings: test streams first, they always have something to read."""
    branches: dict[str, list[Leaf]] = {}
    for each in sorted(_all(), key=lambda topic: topic.name not in topics.TEST_TOPICS.values()):
        branches.setdefault(_branch(each), []).append(_leaf(each))
    return list(branches.items())


def _leaf(topic: OutputTopic) -> Leaf:
    rule = topic_pages.rule(topic.name, config())
    seen, size_bytes = topic_pages.known(topic.name), figures.mean_bytes(topic.name)
    day_bytes = seen.week_mean * size_bytes if seen and size_bytes else None
    return Leaf(topic, rule["expression"] if rule else "", seen, day_bytes)


def _branch(topic: OutputTopic) -> str:
    if topic.name in topics.TEST_TOPICS.values():
        return "Test streams, day and night"
    if topic.survey is None:
        return "Both surveys"
    other = topics.other_survey(topic.survey).upper()
    has = "without" if ".no-" in topic.name else "with"
    return f"{topic.survey.upper()} {has} {other} counterpart"
