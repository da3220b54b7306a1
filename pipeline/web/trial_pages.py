"""Trials of expressions on past nights: begin, wait, look, download."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from sqlalchemy.orm import Session

from broker.access import ACCOUNT, access
from broker.db import transaction
from pipeline.alerts.query import browsing, reading
from pipeline.sparkline import light_curve
from pipeline.surveys import NAMES
from pipeline.user_filters import night as nights
from pipeline.user_filters import query, tasks, trial
from pipeline.user_filters.check import checked
from pipeline.user_filters.tables import FilterTrial
from pipeline.user_filters.tree import ExpressionError
from pipeline.web.api.answers import as_table
from pipeline.web.filter_pages import account_of, draft_of

PAGE_SIZE = 25
OFFERED_NIGHTS = 10
AT_ONCE = 1000
SIDES = {0: "", 1: "first only", 2: "second only", 3: "both"}
_COLUMNS = {
    "candid": pa.int64(),
    "survey": pa.string(),
    "object_id": pa.string(),
    "jd_utc": pa.float64(),
    "ra_deg": pa.float64(),
    "dec_deg": pa.float64(),
    "band": pa.string(),
    "abmag": pa.float64(),
    "score": pa.float64(),
    "alert_class": pa.string(),
    "side": pa.int64(),
}


@access(ACCOUNT)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show one's own trials, and the form for another."""
    asked = request.GET
    survey = asked.get("survey", "")
    wanted = {
        "survey": survey if survey in NAMES else NAMES[0],
        "expression": asked.get("expression", ""),
        "other": asked.get("other", ""),
    }
    return _form(request, wanted)


@access(ACCOUNT)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a trial and lead to its page."""
    given = request.POST
    draft = draft_of(request)
    other = given.get("other", "").replace("\r\n", "\n").strip()
    wanted = {"survey": draft.survey, "expression": draft.expression, "other": other}
    night = _night(draft.survey, given.get("night", ""))
    if night is None:
        problem = f"there are no {draft.survey.upper()} alerts here yet, or this is no date"
        return _form(request, wanted, {"night": problem}, 400)
    try:
        with transaction() as session:
            row = trial.begin(
                session,
                str(account_of(request).pk),
                draft.survey,
                night,
                draft.expression,
                other or None,
                given.get("filter") or None,
            )
            key, row_id = row.key, row.id
    except ExpressionError as error:
        is_other = _is_other(draft.expression, draft.survey)
        field, text = ("other", other) if is_other else ("expression", draft.expression)
        return _form(request, wanted, {field: error.shown(text)}, 400)
    except trial.TrialRefusedError as error:
        return _form(request, wanted, {"": str(error)}, 429)
    tasks.ring(row_id)
    return redirect(f"/filters/trials/{key}")


@access(ACCOUNT)
@require_safe
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Show a trial: how far it is, then what it caught; ``part=progress`` the former alone."""
    row = _found(request, key)
    if request.GET.get("part") == "progress":
        shown = render(request, "pipeline/filters/progress.html", {"trial": row})
        if row.state in ("done", "failed"):
            shown["HX-Refresh"] = "true"
        return shown
    context: dict[str, Any] = {"trial": row, **_figures(row)}
    if row.state == "done":
        number = _page_number(request)
        with browsing() as session:
            context |= _matches(session, row, number)
    return render(request, "pipeline/filters/trial.html", context)


@access(ACCOUNT)
@require_safe
def file(request: HttpRequest, key: str, form: str) -> HttpResponseBase:
    """Hand out what a trial caught as a table."""
    row = _found(request, key)
    return as_table(_COLUMNS, pieces(row), form, f"trial_{row.survey}_{row.night}")


def pieces(row: FilterTrial) -> Iterator[list[dict[str, Any]]]:
    """Yield what a trial caught, piece by piece; ``side`` is 1, 2 or 3: first, second, both."""
    candids, sides = trial.matches(row)
    by_candid = dict(zip(candids.tolist(), sides.tolist(), strict=True))
    for at in range(0, len(candids), AT_ONCE):
        with browsing() as session:
            found = query.alerts(session, row.survey, candids[at : at + AT_ONCE])
        yield [query.as_row(one, by_candid[one.candid]) for one in found]


def _found(request: HttpRequest, key: str) -> FilterTrial:
    with transaction() as session:
        row = trial.find(session, str(account_of(request).pk), key)
        if row is None:
            raise Http404("you have no such trial")
        session.expunge(row)
        return row


def _form(
    request: HttpRequest,
    wanted: dict[str, str],
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    with reading() as session:
        offered = {name: nights.newest(session, name, OFFERED_NIGHTS) for name in NAMES}
        recent = trial.recent(session, str(account_of(request).pk), OFFERED_NIGHTS)
        session.expunge_all()
    context = {
        "wanted": wanted,
        "problems": problems or {},
        "surveys": NAMES,
        "nights": offered,
        "recent": recent,
    }
    return render(request, "pipeline/filters/trials.html", context, status=status)


def _night(survey: str, text: str) -> date | None:
    """Return the night that is asked for, else the newest with alerts; None: there is none."""
    if text:
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    with reading() as session:
        found = nights.newest(session, survey, 1)
    return found[0] if found else None


def _is_other(expression: str, survey: str) -> bool:
    """Tell whether the first expression is fine, so that a mistake is the second one's."""
    try:
        checked(expression, survey)
    except ExpressionError:
        return False
    return True


def _figures(row: FilterTrial) -> dict[str, Any]:
    """Return the counts; of a sample, what they mean for the whole night."""
    is_sample = bool(row.night_total and row.total is not None and row.night_total > row.total)
    scale = row.night_total / row.total if is_sample and row.night_total and row.total else 1.0
    counts = {
        "first": row.matched,
        "second": row.other_matched,
        "both": row.both_matched,
        "first_only": row.matched - row.both_matched,
        "second_only": row.other_matched - row.both_matched,
    }
    return {
        "is_sample": is_sample,
        "counts": {name: round(count * scale) for name, count in counts.items()},
        "nothing": row.state == "done" and not (row.matched or row.other_matched),
    }


def _matches(session: Session, row: FilterTrial, number: int) -> dict[str, Any]:
    candids, sides = trial.matches(row)
    first = PAGE_SIZE * (number - 1)
    chosen = slice(first, first + PAGE_SIZE)
    found = query.alerts(session, row.survey, candids[chosen])
    curves = query.detections(session, row.survey, found)
    by_candid = dict(zip(candids[chosen].tolist(), sides[chosen].tolist(), strict=True))
    lines = []
    for one in found:
        seen = curves.get(one.object_row)
        plot = light_curve(seen.jd_utc, seen.abmag, seen.band) if seen else ""
        side = SIDES[by_candid[one.candid]] if row.other else ""
        lines.append({"it": one, "plot": SafeString(plot), "side": side})
    last = -(-len(candids) // PAGE_SIZE)
    return {
        "lines": lines,
        "kept": len(candids),
        "is_cut": len(candids) >= trial.KEPT_MATCHES,
        "number": number,
        "last": last,
        "next": number + 1 if number < last else None,
        "previous": number - 1 if number > 1 else None,
    }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    most = -(-trial.KEPT_MATCHES // PAGE_SIZE)
    return min(max(int(text), 1), most) if text.isdecimal() and len(text) < 5 else 1  # noqa: PLR2004
