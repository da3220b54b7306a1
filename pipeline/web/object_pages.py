"""One object's page, and the files and data that belong to it."""

import base64
import re
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from sqlalchemy.orm import Session

from broker.access import PUBLIC, access
from broker.config import config, project_path
from pipeline.alerts import gate, query_cutouts, query_matches, query_objects, query_pages, trace
from pipeline.alerts.query import browsing
from pipeline.alerts.query_objects import FoundObject
from pipeline.alerts.query_photometry import finite, photometry_rows
from pipeline.plots import light_curve_svg
from pipeline.positions import galactic_deg, sexagesimal
from pipeline.surveys import NAMES, pictures
from pipeline.surveys import cutouts as packet_cutouts
from pipeline.surveys.images import read_pixels
from pipeline.topics import other_survey
from pipeline.web.api.answers import light_curve_as_table, plain_file
from pipeline.web.converters import CandidConverter
from pipeline.web.object_summary import band_summary
from pipeline.web.search_form import INT64_MAX
from pipeline.web.search_pages import alert_row

IMAGE_NAMES = ("science", "template", "difference")
SURVEY_TITLES = {name: name.upper() for name in NAMES}
ALADIN = "https://aladin.cds.unistra.fr/AladinLite/"
_ALADIN_FIELD_DEG = 0.05
"""For the links alone: nothing is asked of another site before a click."""
_POINT_KEYS = ("jd", "mag", "magerr", "limmag", "flux_njy", "flux_err_njy")


class ExpiredError(Http404):
    """The archive has given up a packet."""


@access(PUBLIC)
@require_safe
def page(request: HttpRequest, survey: str, object_id: str) -> HttpResponse:
    """Show everything about one object."""
    with browsing() as session:
        found = _required(session, survey, object_id)
        rows = photometry_rows(session, found)
        match = query_objects.find_match(session, found)
        alerts = [alert_row(alert) for alert in query_pages.alerts_of(session, found)]
        matches = query_matches.cross_matches(session, [(found.ra_deg, found.dec_deg)])[0]
        svg = light_curve_svg(query_objects.photometry(session, found))
        count = query_pages.count_alerts_of(session, found)
        chosen = _chosen(session, found, request.GET.get("candid", ""), alerts)
        why = trace.of_alert(session, survey, chosen["candid"], config())
    longitude, latitude = galactic_deg(found.ra_deg, found.dec_deg)
    gates = {one.name: one.text for one in gate.explain(survey, config().gate)}
    for alert in (*alerts, chosen):
        alert["gate_text"] = gates.get(alert["gate_reason"] or "", alert["gate_reason"])
    context = {
        "found": found,
        "survey_name": SURVEY_TITLES[survey],
        "sexagesimal": sexagesimal(found.ra_deg, found.dec_deg),
        "longitude_deg": longitude,
        "latitude_deg": latitude,
        "match": match,
        "match_arcsec": found.match_arcsec,
        "other_name": SURVEY_TITLES[other_survey(survey)],
        "bands": band_summary(rows),
        "alerts": alerts,
        "alert_count": count,
        "newest": alerts[0],
        "chosen": chosen,
        "trace": why,
        "catalogs": [_catalog(title, found_rows) for title, found_rows in matches.items()],
        "svg": svg,
        "code": _code(found),
        "address": f"/objects/{survey}/{object_id}",
        "aladin": _aladin(found),
    }
    return render(request, "pipeline/object.html", context)


@access(PUBLIC)
@require_safe
def data(request: HttpRequest, survey: str, object_id: str) -> HttpResponse:  # noqa: ARG001 a view
    """Return the points of the page's plot; ids are texts, which a browser cannot round."""
    with browsing() as session:
        found = _required(session, survey, object_id)
        curves = [_series(row) for row in _by_series(session, found)]
        match = query_objects.find_match(session, found)
        if match is not None:
            curves += [_series(row) for row in _by_series(session, match)]
    return JsonResponse({"object_id": object_id, "survey": survey, "series": curves})


@access(PUBLIC)
@require_safe
def light_curve_file(
    request: HttpRequest,  # noqa: ARG001 a view
    survey: str,
    object_id: str,
    form: str,
) -> HttpResponseBase:
    """Return the light curve as CSV or Parquet."""
    with browsing() as session:
        found = _required(session, survey, object_id)
        rows = photometry_rows(session, found)
    return light_curve_as_table(rows, form, f"{survey}_{object_id}")


@access(PUBLIC)
@require_safe
def images(
    request: HttpRequest,  # noqa: ARG001 a view
    survey: str,
    object_id: str,
    candid: int,
) -> HttpResponse:
    """Return the pixels of an alert's cutouts: float32, row by row from below, in base64."""
    try:
        raw = _packet(survey, object_id, candid)
    except ExpiredError as error:
        return JsonResponse({"message": str(error), "errors": {}}, status=404)
    found = packet_cutouts.read_cutouts(survey, raw)
    pixels = [(name, read_pixels(image)) for name, image in zip(IMAGE_NAMES, found, strict=True)]
    return JsonResponse(
        {
            "candid": str(candid),
            "images": [
                {
                    "name": name,
                    "width": array.shape[1],
                    "height": array.shape[0],
                    "pixels": base64.b64encode(array.astype("<f4").tobytes()).decode(),
                }
                for name, array in pixels
                if array is not None
            ],
        }
    )


@access(PUBLIC)
@require_safe
def stamps(
    request: HttpRequest,  # noqa: ARG001 a view
    survey: str,
    object_id: str,
    candid: int,
) -> HttpResponse:
    """Return an alert's cutouts side by side as a small picture, for tables."""
    try:
        raw = _packet(survey, object_id, candid)
    except ExpiredError as error:
        raise Http404(str(error)) from None
    images = [read_pixels(image) for image in packet_cutouts.read_cutouts(survey, raw)]
    headers = {"Cache-Control": "public, max-age=86400"}  # an alert never changes
    return HttpResponse(pictures.png(images), content_type="image/png", headers=headers)


@access(PUBLIC)
@require_safe
def packet(
    request: HttpRequest,  # noqa: ARG001 a view
    survey: str,
    object_id: str,
    candid: int,
) -> HttpResponse:
    """Return an alert's packet as it came, unless its history holds points that are not public."""
    raw = _packet(survey, object_id, candid)
    if not packet_cutouts.is_wholly_public(survey, raw):
        raise Http404("the history in this packet holds points that are not public")
    end = "avro" if raw.startswith(b"Obj\x01") else "bin"
    return plain_file(raw, "application/octet-stream", f"{survey}_{candid}.{end}")


def _required(session: Session, survey: str, object_id: str) -> FoundObject:
    found = query_objects.find_for_page(session, survey, object_id)
    if found is None:
        raise Http404(f"no {SURVEY_TITLES[survey]} object {object_id[:128]!r}")
    return found


def _packet(survey: str, object_id: str, candid: int) -> bytes:
    with browsing() as session:
        found = _required(session, survey, object_id)
        located = query_cutouts.locate_public(session, found, candid)
    if located is None:
        raise Http404("no such alert")
    raw = query_cutouts.packet(project_path(config().archive.path), located)
    if raw is None:
        raise ExpiredError("archive expired: the packet of this alert is not kept any more")
    return raw


def _by_series(session: Session, found: FoundObject) -> list[tuple[FoundObject, str, list[Any]]]:
    rows: dict[str, list[Any]] = {}
    for row in photometry_rows(session, found):
        rows.setdefault(row["source"], []).append(row)
    return [(found, source, points) for source, points in rows.items()]


def _series(given: tuple[FoundObject, str, list[dict[str, Any]]]) -> dict[str, Any]:
    found, source, rows = given
    return {
        "survey": found.survey,
        "object_id": found.object_id,
        "kind": source,
        "band": [row["band"] for row in rows],
        "candid": [None if row["candid"] is None else str(row["candid"]) for row in rows],
        **{key: [row[key] for row in rows] for key in _POINT_KEYS},
    }


def _chosen(
    session: Session, found: FoundObject, wanted: str, alerts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the alert that is asked for, else the newest; it may be older than all that is shown.

    Raises
    ------
    Http404
        If the object has no public alert of this number.
    """
    if not wanted:
        return alerts[0]
    for alert in alerts:
        if str(alert["candid"]) == wanted:
            return alert
    is_number = re.fullmatch(CandidConverter.regex, wanted) and int(wanted) <= INT64_MAX
    older = query_pages.alerts_of(session, found, int(wanted)) if is_number else []
    if not older:
        raise Http404(f"no alert {wanted[:128]!r} of this object")
    return alert_row(older[0])


def _catalog(title: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    hidden = {"_id", "ra", "dec", "distance_arcsec"}
    return {
        "title": title,
        "rows": [
            {
                "id": row["_id"],
                "arcsec": row["distance_arcsec"],
                "facts": [
                    (name, _cell(value))
                    for name, value in row.items()
                    if name not in hidden and value is not None
                ],
            }
            for row in rows
        ],
    }


def _aladin(found: FoundObject) -> str:
    target = f"{found.ra_deg:.6f} {found.dec_deg:+.6f}"
    return f"{ALADIN}?{urlencode({'target': target, 'fov': _ALADIN_FIELD_DEG})}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{np.float32(value):.6g}" if finite(value) is not None else "–"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _code(found: FoundObject) -> list[tuple[str, str]]:
    """Return how a program reads this object: title and text."""
    base = config().web.public_url
    path = f"/babamul/surveys/{found.survey}/objects/{found.object_id}"
    name = f'"{SURVEY_TITLES[found.survey]}", "{found.object_id}"'
    pandas = (
        "import pandas as pd\n\n"
        f'points = pd.read_csv("{base}/objects/{found.survey}/{found.object_id}/light_curve.csv",\n'
        '                     dtype={"candid": "Int64"})\n'
    )
    return [
        (
            "Python (babamul)",
            f"from babamul import api\n\nfound = api.get_object({name})\nfound.plot_lightcurve()\n",
        ),
        (
            "curl",
            f'curl -H "Authorization: Bearer $BABAMUL_API_TOKEN" \\\n  "{base}{path}"\n',
        ),
        ("Python (pandas)", pandas),
    ]
