"""The search page: one box for names, numbers and places, and filters."""

from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from sqlalchemy.orm import Session

from broker.access import PUBLIC, access
from broker.config import config
from broker.error_pages import answer
from broker.limits import heavy_search
from broker.refusals import ApiError, TooLongError
from pipeline.alerts import query_alerts, query_matches, query_objects, query_pages
from pipeline.alerts.query import Page, QueryError, reading
from pipeline.alerts.query_pages import BriefAlert
from pipeline.catalogs.known import TNS
from pipeline.gw.query import find_event
from pipeline.plots import utc
from pipeline.positions import DEFAULT_RADIUS_ARCSEC, Cone
from pipeline.surveys import NAMES
from pipeline.web import search_form
from pipeline.web.api.answers import as_table, objects_as_table
from pipeline.web.search_form import CLASSES, Question

PAGE_SIZE = 100
MAX_PAGES = 100
AROUND = "search around a position, or inside a sky map through the API (skymap-search)"
FORMS = {"csv": "CSV", "parquet": "Parquet"}
_ALERT_COLUMNS = {
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
}

Row = dict[str, Any]


class NoPlaceError(Exception):
    """A name is known to be one, and not where it is; the message says why."""


@access(PUBLIC)
@require_safe
def search(request: HttpRequest) -> HttpResponseBase:
    """Show the form, and what was found; a whole name or number leads to the object at once.

    ``format`` asks for what a page of the list shows as a file.
    """
    question = search_form.read(request.GET.dict())
    context: dict[str, Any] = {
        "asked": request.GET,
        "question": question,
        "surveys": NAMES,
        "classes": CLASSES,
        "page_size": PAGE_SIZE,
    }
    if not question.is_empty and not question.problems:
        try:
            target = _direct(question)
            if target is not None:
                return redirect(target)
            with heavy_search(request):
                if question.tns:  # reads the whole catalog
                    question.cone = _place_of(question.tns)
                context |= _found(question, _page_number(request))
            if (form := request.GET.get("format")) in FORMS:
                return _as_table(context, form)
        except (NoPlaceError, QueryError, TooLongError) as error:
            question.problems["q"] = str(error)
        except ApiError as error:
            return answer(request, error.status_code, error.message)
    context["code"] = _code(question)
    context["next"] = _next(request, context)
    context["tables"] = [
        (title, "?" + urlencode(request.GET.dict() | {"format": form}))
        for form, title in FORMS.items()
    ]
    return render(
        request, "pipeline/search.html", context, status=400 if question.problems else 200
    )


def alert_row(alert: BriefAlert) -> Row:
    """Return what a table shows of an alert."""
    return {**alert._asdict(), "time": utc(alert.jd_utc), "address": address(alert)}


def address(alert: BriefAlert) -> str:
    """Return the page of an alert's object, at that alert."""
    return f"/objects/{alert.survey}/{alert.object_id}?candid={alert.candid}"


def _direct(question: Question) -> str | None:
    """Return the page of the one object or event that is meant, if it exists.

    Raises
    ------
    NoPlaceError
        If no notice of the event has come.
    """
    with reading() as session:
        if question.event:
            if find_event(session, question.event) is None:
                raise NoPlaceError(f"no notice of {question.event} has come here: {AROUND}")
            return f"/gw/{question.event}"
        if question.name is not None:
            survey, name = question.name
            if query_objects.find_for_page(session, survey, name) is not None:
                return f"/objects/{survey}/{name}"
        if question.number is not None:
            name = str(question.number)
            if query_objects.find_for_page(session, "lsst", name) is not None:
                return f"/objects/lsst/{name}"
            for survey, object_id in query_pages.object_of_candid(session, question.number):
                return f"/objects/{survey}/{object_id}?candid={name}"
    return None


def _place_of(tns: str) -> Cone:
    """Return where the Transient Name Server has a name.

    Raises
    ------
    NoPlaceError
        If the catalog is not loaded here, or does not hold the name.
    """
    with reading() as session:
        if TNS not in query_matches.loaded_catalogs(session):
            raise QueryError(
                "q", "the catalog of TNS is not loaded on this server: give a position"
            )
        place = query_matches.place_of_name(session, TNS, tns)
    if place is None:
        raise NoPlaceError(f"TNS as it was loaded here has no {tns}: give a position")
    return Cone(*place, DEFAULT_RADIUS_ARCSEC)


def _found(question: Question, page_number: int) -> dict[str, Any]:
    with reading() as session:
        if question.name is not None:
            return {"objects": [], "what": f"Objects named {question.name[1]}"}
        if question.prefix is not None:
            survey, text = question.prefix
            rows = query_objects.by_prefix(session, survey, text, PAGE_SIZE)
            return {"objects": rows, "what": f"{survey.upper()} objects whose name begins so"}
        if question.cone is not None and not question.has_filters:
            place, radius_arcsec = question.cone[:2], question.cone.radius_arcsec
            rows = query_objects.near(
                session, place, radius_arcsec, PAGE_SIZE, surveys=question.surveys
            )
            return {"objects": rows, "what": "Objects around the position", "has_distance": True}
        ids = _ids_of_page(session, question, page_number)
        alerts = [alert_row(alert) for alert in query_pages.brief(session, ids[:PAGE_SIZE])]
    return {
        "alerts": alerts,
        "has_more": len(ids) > PAGE_SIZE,
        "page_number": page_number,
        "what": "alerts",
    }


def _as_table(found: dict[str, Any], form: str) -> HttpResponseBase:
    if "alerts" in found:
        return as_table(_ALERT_COLUMNS, [found["alerts"]], form, "alerts")
    return objects_as_table(found["objects"], form)


def _ids_of_page(session: Session, question: Question, page_number: int) -> list[int]:
    """Return the alerts of one page and one more: first those of one survey, then of the other.

    The cut is made in that order alone, in which no two alerts are alike; else some would be on two
    pages and some on none.
    """
    skip = PAGE_SIZE * (page_number - 1)
    end = skip + PAGE_SIZE + 1
    ids: list[int] = []
    for survey in question.surveys:
        if len(ids) < end:
            ids += _ids(session, survey, question, Page(end - len(ids)))
    return ids[skip:end]


def _ids(session: Session, survey: str, question: Question, page: Page) -> list[int]:
    if question.cone is None:
        return query_alerts.between(session, survey, question.filters, page)
    cone = question.cone
    return query_alerts.in_cone(
        session, survey, cone[:2], cone.radius_arcsec, question.filters, page
    )


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return min(max(int(text), 1), MAX_PAGES) if text.isdecimal() and len(text) < 5 else 1  # noqa: PLR2004


def _next(request: HttpRequest, context: dict[str, Any]) -> str | None:
    if not context.get("has_more") or context["page_number"] >= MAX_PAGES:
        return None
    asked = request.GET.dict() | {"page": context["page_number"] + 1}
    return "?" + urlencode(asked)


def _code(question: Question) -> list[tuple[str, str]]:
    """Return the same question for programs: title and text."""
    base = config().web.public_url
    survey = question.surveys[0]
    filters = question.filters
    names = {"min_score": "min_drb", "max_score": "max_drb"}
    given = {
        names.get(name, name): value
        for name in ("start_jd", "end_jd", "min_magpsf", "max_magpsf", "min_score", "max_score")
        if (value := getattr(filters, name)) is not None
    }
    if question.cone is not None:
        ra, dec, radius = question.cone
        given = {"ra": ra, "dec": dec, "radius_arcsec": radius, **given}
    elif question.name is not None:
        survey, given = question.name[0], {"object_id": question.name[1], **given}
    elif question.prefix is not None:
        return [
            (
                "Python (babamul)",
                f'from babamul import api\n\nfound = api.search_objects("{question.text}")\n',
            )
        ]
    if not given:
        return []
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    python = (
        f'from babamul import api\n\nalerts = api.get_alerts("{survey.upper()}", {arguments})\n'
    )
    curl = (
        'curl -H "Authorization: Bearer $BABAMUL_API_TOKEN" \\\n'
        f'  "{base}/babamul/surveys/{survey}/alerts?{urlencode(given)}"\n'
    )
    code = [("Python (babamul)", python), ("curl", curl)]
    if question.cone is not None:
        pyvo = (
            "import pyvo\n\n"
            f'found = pyvo.conesearch("{base}/vo/scs", ({ra}, {dec}), {radius / 3600:.6f})\n'
        )
        code.append(("Python (pyvo)", pyvo))
    return code
