"""Cutouts of one alert or of many, as their packets hold them."""

import base64
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.refusals import ApiError
from broker.rest import ok
from pipeline.alerts import query_cutouts, steady_cutouts
from pipeline.alerts.query import browsing
from pipeline.alerts.query_cutouts import Located
from pipeline.surveys.cutouts import Cutouts
from pipeline.web.api.filters import Checked
from pipeline.web.api.parameters import (
    Candids,
    CutoutParameters,
    check_body,
    check_query,
)
from pipeline.web.api.views import CUTOUTS, INT64, SURVEY, DataView, envelope, listed

TEST_DAYS = 1
"""How long test streams keep their messages."""
ANSWER = {
    "type": "object",
    "properties": {"cutouts": listed(CUTOUTS), "missing": listed(INT64)},
}


class CutoutsOfAlerts(DataView):
    """The three small images around an alert."""

    @extend_schema(
        parameters=[SURVEY, CutoutParameters],
        responses=envelope(CUTOUTS),
        operation_id="get_cutouts",
    )
    def get(self, request: Request, survey: str) -> Response:
        """Return the images in base64: gzipped FITS of ZTF, FITS of LSST; empty without one."""
        asked = check_query(CutoutParameters, request)
        if steady_cutouts.is_test(asked.get("candid", 0)):
            return ok(encoded(asked["candid"], _of_test_alert(survey, asked["candid"])))
        with browsing() as session:
            located = _chosen(session, survey, asked)
        if located is None:
            raise ApiError(404, "no such alert")
        found = query_cutouts.cutouts(archive(), survey, located)
        if found is None:
            raise ApiError(404, "archive expired: the packet of this alert is not kept any more")
        return ok(encoded(located.candid, found))

    @extend_schema(
        parameters=[SURVEY],
        request=Candids,
        responses=envelope(ANSWER),
        operation_id="get_cutouts_bulk",
    )
    def post(self, request: Request, survey: str) -> Response:
        """Return the images of up to 100 alerts in their order, and which have none."""
        candids = list(dict.fromkeys(check_body(Candids, request)["candids"]))
        found: dict[int, dict[str, Any]] = {}
        with browsing() as session:
            places = query_cutouts.locate(session, survey, candids)
        for candid, located in places.items():
            images = query_cutouts.cutouts(archive(), survey, located)
            if images is not None and any(images):
                found[candid] = {**encoded(candid, images), "jd": located.jd_utc}
        for candid in filter(steady_cutouts.is_test, candids):
            drawn = steady_cutouts.cutouts(survey, candid, TEST_DAYS)
            if drawn is not None:
                found[candid] = {**encoded(candid, drawn), "jd": steady_cutouts.jd_utc(candid)}
        return ok(
            {
                "cutouts": [found[candid] for candid in candids if candid in found],
                "missing": [candid for candid in candids if candid not in found],
            }
        )


def archive() -> Any:
    """Return the folder of the archive."""
    return project_path(config().archive.path)


def encoded(candid: int, images: Cutouts) -> dict[str, Any]:
    """Return an alert's images in base64, by the names that packets use."""
    science, template, difference = (base64.b64encode(image).decode() for image in images)
    return {
        "candid": candid,
        "cutoutScience": science,
        "cutoutTemplate": template,
        "cutoutDifference": difference,
    }


def _of_test_alert(survey: str, candid: int) -> Cutouts:
    found = steady_cutouts.cutouts(survey, candid, TEST_DAYS)
    if found is None:
        raise ApiError(404, "no such test alert, or not kept any more")
    return found


def _chosen(session: Session, survey: str, asked: Checked) -> Located | None:
    if "candid" in asked:
        return query_cutouts.locate(session, survey, [asked["candid"]]).get(asked["candid"])
    return query_cutouts.choose(
        session, survey, asked["objectId"], asked["which"], asked.get("band")
    )
