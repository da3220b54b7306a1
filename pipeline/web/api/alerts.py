"""Alerts by object, cone, time, many cones, and sky map."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from sqlalchemy.orm import Session

from broker.config import config
from broker.refusals import field_error, too_many
from pipeline.alerts import query_alerts, query_skymap
from pipeline.alerts.query import SKYMAP_LIMIT_S, browsing
from pipeline.alerts.skymap_files import SkyMapError
from pipeline.alerts.skymaps import Region, read_credible_region, read_moc
from pipeline.web.api import answers
from pipeline.web.api.filters import Checked, filters_of
from pipeline.web.api.parameters import (
    AlertParameters,
    ConeBatch,
    Format,
    SkymapSearch,
    check_body,
    check_query,
    page_of,
)
from pipeline.web.api.views import (
    ALERT,
    SURVEY,
    ConesView,
    DataView,
    by_name,
    listed,
    tabular,
)

DEFAULT_CREDIBLE_LEVEL = 0.9
IN_PROJECTION = (
    "The map has distances; it was searched in projection on the sky, hosts were not ranked."
)
_MAP = threading.Lock()


class Alerts(DataView):
    """Alerts of one object, one cone, or a time of at most a day."""

    @extend_schema(
        parameters=[SURVEY, AlertParameters],
        responses=tabular(listed(ALERT)),
        operation_id="list_alerts",
    )
    def get(self, request: Request, survey: str) -> HttpResponseBase:
        """Return alerts in order of candid; page with limit and skip until a page is short."""
        asked = check_query(AlertParameters, request)
        ids = self._ids(request, survey, asked)
        if asked["format"] != "json":
            return answers.alerts_as_table(survey, ids, asked["format"])
        return answers.alerts_as_json(survey, ids)

    def _ids(self, request: Request, survey: str, asked: Checked) -> list[int]:
        filters, page = filters_of(asked), page_of(asked)
        if "object_id" in asked:
            with browsing() as session:
                return query_alerts.of_object(session, survey, asked["object_id"], filters, page)
        self.take_turn(request)
        with browsing() as session:
            if "ra" in asked:
                place = (asked["ra"], asked["dec"])
                return query_alerts.in_cone(
                    session, survey, place, asked["radius_arcsec"], filters, page
                )
            return query_alerts.between(session, survey, filters, page)


@extend_schema_view(
    post=extend_schema(
        parameters=[SURVEY, Format],
        request=ConeBatch,
        responses=tabular(by_name(listed(ALERT))),
        operation_id="search_alert_cones",
    )
)
class AlertCones(ConesView):
    """Alerts around up to 5000 positions."""

    question = ConeBatch

    def search(self, session: Session, survey: str, asked: Checked) -> dict[str, list[Any]]:
        """Return ids of alerts."""
        places, radius_arcsec = asked["coordinates"], asked["radius_arcsec"]
        return query_alerts.in_cones(session, survey, places, radius_arcsec, filters_of(asked))

    def answer(self, survey: str, found: dict[str, list[Any]], form: str) -> HttpResponseBase:
        """Return the alerts."""
        if form == "json":
            return answers.cones_as_json(survey, found)
        pairs = [(name, one) for name, many in found.items() for one in many]
        names, flat = [name for name, _ in pairs], [one for _, one in pairs]
        return answers.alerts_as_table(survey, flat, form, names)


class AlertSkymap(DataView):
    """Alerts inside a region of the sky."""

    @extend_schema(
        parameters=[SURVEY, Format],
        request=SkymapSearch,
        responses=tabular(listed(ALERT)),
        operation_id="search_skymap",
    )
    def post(self, request: Request, survey: str) -> HttpResponseBase:
        """Return the alerts inside a MOC, or inside a map's credible region."""
        form = check_query(Format, request)["format"]
        asked = check_body(SkymapSearch, request)
        self.take_turn(request)
        with _one_map_at_once():
            region = _region(asked)
        with browsing(SKYMAP_LIMIT_S) as session:
            found = query_skymap.inside(session, survey, region, filters_of(asked), asked["limit"])
        if form != "json":
            return answers.alerts_as_table(survey, found.ids, form)
        words = [IN_PROJECTION] if region.has_distances else []
        if found.has_more:
            words.append(f"There are more than {asked['limit']}: ask for a shorter time.")
        return answers.alerts_as_json(
            survey, found.ids, " ".join(words), {"host_searched_prob_vol": None}
        )


@contextmanager
def _one_map_at_once() -> Iterator[None]:
    """Hold this process's only place for reading a map: each may fill half a gigabyte.

    Raises
    ------
    ApiError
        429 if it did not get free in time.
    """
    if not _MAP.acquire(timeout=config().limits.search_wait_s):
        raise too_many(1, "the maps of others are being read")
    try:
        yield
    finally:
        _MAP.release()


def _region(asked: dict[str, Any]) -> Region:
    field = "moc_fits_base64" if "moc_fits_base64" in asked else "skymap_fits_base64"
    try:
        if field == "moc_fits_base64":
            return read_moc(asked[field])
        level = asked.get("credible_level", DEFAULT_CREDIBLE_LEVEL)
        return read_credible_region(asked[field], level)
    except SkyMapError as error:
        raise field_error(field, str(error)) from None
