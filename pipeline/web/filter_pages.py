"""Users' filters: a gallery, a page for each, and what its owner does with it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from broker.access import ACCOUNT, PUBLIC, access
from broker.config import config
from broker.filter_book import DIGESTS, UserFilter, book
from broker.refusals import ApiError
from pipeline.alerts.query import reading
from pipeline.sparkline import bars
from pipeline.surveys import NAMES
from pipeline.user_filters import query
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.columns import columns
from pipeline.user_filters.functions import FUNCTIONS
from pipeline.user_filters.parse import GRAMMAR
from pipeline.user_filters.query import Caught, NightCount, State
from pipeline.user_filters.tree import ExpressionError
from pipeline.web import start

SHOWN_MATCHES = 25
SEARCH_CHARACTERS = 100
REFRESH_S = 3
BADGES = {
    query.DRAFT: "off",
    query.STARTING: "warn",
    query.LIVE: "ok",
    query.PAUSED: "bad",
    query.STOPPED: "off",
}
EXAMPLES = (
    (
        "ztf",
        "young and rising",
        "nights_since(jdstarthist) <= 2 and photstats.r.rising.rate < 0",
    ),
    ("ztf", "bright and hostless", "class = 'hostless' and magpsf < 18.5 and drb > 0.9"),
    ("lsst", "seen by both surveys", "survey_match and snr > 10 and not rock"),
)
"""Survey, name and line, for whoever has none yet."""


@dataclass(frozen=True)
class Shown:
    """A filter as lists show it."""

    it: UserFilter
    state: State | None
    newest: NightCount | None

    @property
    def word(self) -> str:
        """Return what it does now."""
        return query.word(self.it, self.state)

    @property
    def badge(self) -> str:
        """Return the colour of that."""
        return BADGES[self.word]

    @property
    def why(self) -> str:
        """Return why it rests; empty: it does not."""
        is_paused = query.is_paused(self.it, self.state)
        return (self.state.pause_text or "") if is_paused and self.state else ""


@dataclass
class Draft:
    """What somebody has written into the form, right or wrong."""

    survey: str = NAMES[0]
    name: str = ""
    expression: str = ""
    description: str = ""
    is_public: bool = False


@access(PUBLIC)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show public filters, and one's own."""
    asked = request.GET.get("q", "")[:SEARCH_CHARACTERS]
    survey = request.GET.get("survey", "")
    account = account_of(request)
    own = book().own(account) if account else []
    shared = book().shared(asked, survey if survey in NAMES else "")
    context = {
        "own": listed(own),
        "shared": listed(shared),
        "q": asked,
        "survey": survey,
        "surveys": NAMES,
        "examples": EXAMPLES,
    }
    return render(request, "pipeline/filters/index.html", context)


@access(PUBLIC)
@require_safe
def all_columns(request: HttpRequest) -> HttpResponse:
    """Show what an expression may name; ``part=rows`` shows the table alone."""
    survey = request.GET.get("survey", NAMES[0])
    if survey not in NAMES:
        raise Http404(f"no survey {survey[:SEARCH_CHARACTERS]}")
    asked = request.GET.get("q", "")[:SEARCH_CHARACTERS].lower().split()
    found = [
        one
        for one in columns(survey).values()
        if all(text in f"{one.name} {one.meaning} {one.unit}".lower() for text in asked)
    ]
    context = {
        "columns": found,
        "total": len(columns(survey)),
        "survey": survey,
        "surveys": NAMES,
        "q": " ".join(asked),
        "functions": FUNCTIONS,
        "grammar": GRAMMAR,
    }
    part = "column_rows" if request.GET.get("part") == "rows" else "columns"
    return render(request, f"pipeline/filters/{part}.html", context)


@access(ACCOUNT)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Say whether an expression is understood, and if not where and why."""
    draft = draft_of(request)
    context: dict[str, Any] = {"expression": draft.expression}
    if draft.expression.strip():
        try:
            tree = checked(draft.expression, draft.survey)
            known = columns(draft.survey)
            context["reads"] = [known[name] for name in sorted(reads(tree))]
        except ExpressionError as error:
            context["shown"] = error.shown(draft.expression)
    return render(request, "pipeline/filters/checked.html", context)


@access(ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a filter; ``copy`` begins with another one's definition."""
    account = account_of(request)
    if request.method != "POST":
        return _form(request, _begin(request))
    draft = draft_of(request)
    try:
        checked(draft.expression, draft.survey)
        made = book().create(
            account,
            draft.name,
            draft.survey,
            draft.expression,
            draft.description,
            is_public=draft.is_public,
        )
    except ExpressionError as error:
        return _form(request, draft, {"expression": error.shown(draft.expression)}, 400)
    except ApiError as error:
        problems = {field: rules[0] for field, rules in error.errors.items()}
        return _form(request, draft, problems or {"": error.message}, error.status_code)
    messages.success(request, f"{made.name} is saved. Start it when it catches what you want.")
    return redirect(f"/filters/{made.name}")


@access(PUBLIC)
@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a filter that is public or one's own; ``part=state`` its state alone."""
    one = _found(request, name)
    if request.GET.get("part") == "state":
        context = _context(request, one)
        part = render(request, "pipeline/filters/state.html", context)
        if context["shown"].word != query.STARTING:  # the rest of the page changes with it
            part["HX-Refresh"] = "true"
        return part
    return _page(request, one)


@access(ACCOUNT)
@require_POST
def act(request: HttpRequest, name: str, word: str) -> HttpResponse:
    """Do what a button says: start, stop, versions, describe, delete."""
    one = _found(request, name)
    account = account_of(request)
    if str(one.owner_id) != str(account.pk):
        raise Http404(f"you have no filter {name[:SEARCH_CHARACTERS]}")
    if word not in ACTS:
        raise Http404(f"nothing is called {word[:SEARCH_CHARACTERS]}")
    try:
        said = ACTS[word](request, account, one)
    except ExpressionError as error:
        written = request.POST.get("expression", "")
        more = {"written": written, "problem": error.shown(written)}
        return _page(request, one, 400, **more)
    except ApiError as error:
        messages.error(request, error.message)
        return redirect(f"/filters/{one.name}")
    messages.success(request, said)
    return redirect("/filters" if word == "delete" else f"/filters/{one.name}")


def account_of(request: HttpRequest) -> Any:
    """Return the account that a browser is signed in with, or None."""
    return getattr(request, "account", None)


def listed(filters: list[UserFilter]) -> list[Shown]:
    """Return filters with what workers noted of them."""
    ids = [one.id for one in filters]
    with reading() as session:
        states, newest = query.states(session, ids), query.newest_nights(session, ids)
    return [Shown(one, states.get(one.id), newest.get(one.id)) for one in filters]


def draft_of(request: HttpRequest) -> Draft:
    """Return what a form holds; a survey that does not exist is the first one."""
    given = request.POST
    survey = given.get("survey", "")
    return Draft(
        survey if survey in NAMES else NAMES[0],
        given.get("name", "").strip(),
        given.get("expression", "").replace("\r\n", "\n"),
        given.get("description", ""),
        given.get("is_public") == "on",
    )


def _begin(request: HttpRequest) -> Draft:
    """Return the form that an address asks for."""
    asked = request.GET
    survey = asked.get("survey", "")
    draft = Draft(survey=survey if survey in NAMES else NAMES[0])
    draft.expression = asked.get("expression", "")
    if asked.get("copy"):
        one = _found(request, asked["copy"])
        draft.survey, draft.expression = one.survey, one.newest.expression
        draft.description = one.description
    return draft


def _form(
    request: HttpRequest, draft: Draft, problems: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    context = {"draft": draft, "problems": problems or {}, "surveys": NAMES}
    return render(request, "pipeline/filters/new.html", context, status=status)


def _found(request: HttpRequest, name: str) -> UserFilter:
    one = book().find(account_of(request), name)
    if one is None:
        raise Http404(f"no filter {name[:SEARCH_CHARACTERS]}")
    return one


def _context(request: HttpRequest, one: UserFilter) -> dict[str, Any]:
    account = account_of(request)
    return {
        "shown": listed([one])[0],
        "it": one,
        "is_own": account is not None and str(account.pk) == one.owner_id,
        "refresh_s": REFRESH_S,
    }


def _page(request: HttpRequest, one: UserFilter, status: int = 200, **more: Any) -> HttpResponse:
    with reading() as session:
        nights = query.nights(session, one.id)
        found: list[Caught] = query.latest(session, one.id, SHOWN_MATCHES)
    settings = config().user_filters
    context = _context(request, one) | {
        "nights": nights,
        "chart": SafeString(bars([(each.night, each.delivered) for each in reversed(nights)])),
        "matches": found,
        "code": start.snippets_of(request, one.topic) if one.topic_state == "there" else [],
        "digests": [each for each in DIGESTS if settings.slack_channel or each in ("none", "mail")],
        "limits": settings,
    }
    return render(request, "pipeline/filters/page.html", context | more, status=status)


def _start(request: HttpRequest, account: Any, one: UserFilter) -> str:
    text = request.POST.get("version", "")
    number = int(text) if text.isdecimal() and len(text) < 7 else one.newest.number  # noqa: PLR2004
    book().start(account, one.name, number)
    return f"Version {number} is being started: matches come within about half a minute."


def _stop(_request: HttpRequest, account: Any, one: UserFilter) -> str:
    book().stop(account, one.name)
    return "It is stopped. Its topic stays, with what it holds."


def _add_version(request: HttpRequest, account: Any, one: UserFilter) -> str:
    expression = draft_of(request).expression
    checked(expression, one.survey)
    made = book().add_version(account, one.name, expression)
    return f"Version {made.newest.number} is saved. What is live stays so until you start it."


def _describe(request: HttpRequest, account: Any, one: UserFilter) -> str:
    draft = draft_of(request)
    digest = request.POST.get("digest", "none")
    book().describe(account, one.name, draft.description, digest, is_public=draft.is_public)
    return "Saved."


def _delete(_request: HttpRequest, account: Any, one: UserFilter) -> str:
    book().delete(account, one.name)
    return f"{one.name} and its topic are being deleted."


ACTS = {
    "start": _start,
    "stop": _stop,
    "versions": _add_version,
    "describe": _describe,
    "delete": _delete,
}
