"""ALeRCE's detections and images of an object, over HTTP.

Its answers, as its public client 2.3.1 expects them: detections are a JSON list; an image is a FITS
file, gzipped or not; 404, or a body that is no such file, says that it is not there (yet).
"""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import quote, urlencode

import httpx

from broker.sections.lasair import AlerceSettings
from pipeline.clients import bounded
from pipeline.clients.bounded import TooLargeError
from pipeline.clients.closing import Closing
from pipeline.times import MJD_EPOCH_JD, mjd_tai_to_jd_utc

Survey = Literal["ztf", "lsst"]
Kind = Literal["science", "template", "difference"]

MAX_DETECTIONS_BYTES = 16 * 2**20
"""Some thousand rows of a variable star, with every column."""
MAX_STAMP_BYTES = 8 * 2**20
_FITS, _GZIP = b"SIMPLE", b"\x1f\x8b"
_IDS = {"ztf": "candid", "lsst": "measurement_id"}


class AlerceError(Exception):
    """ALeRCE's answer is final and nothing that we read."""


class Detection(NamedTuple):
    """One detection that has images.

    Attributes
    ----------
    id : int
        candid, or LSST's measurement_id.
    jd_utc : float
        Julian date, UTC.
    """

    id: int
    jd_utc: float


class Alerce(Closing):
    """ALeRCE's services; nothing is changed there, and every call may be repeated.

    The rate holds for clients that are made one after the other too.

    Parameters
    ----------
    http : httpx.Client
        With timeouts.
    settings : AlerceSettings
        Addresses, and how often is asked.
    """

    def __init__(self, http: httpx.Client, settings: AlerceSettings) -> None:
        super().__init__(http)
        self._settings = settings
        self._may_ask_at_s = self._next_s()  # another client may have asked just before

    @classmethod
    def from_settings(cls, settings: AlerceSettings) -> Self:
        """Return a client of the services in the settings; close it after use."""
        timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
        return cls(bounded.client(timeout=timeout), settings)

    def detections(self, survey: Survey, object_id: str) -> list[Detection]:
        """Return the detections of an object that have images; none of one that is not known.

        Raises
        ------
        TransientError
            If the server is away or busy.
        AlerceError
            If the answer is no list of detections.
        """
        url = self._detections_url(survey, object_id)
        try:
            status, body = self._get(url, MAX_DETECTIONS_BYTES, "application/json")
        except TooLargeError as error:
            raise AlerceError(str(error)) from None
        if status == HTTPStatus.NOT_FOUND:
            return []
        if status != HTTPStatus.OK:  # of redirects too: no other host is asked
            raise AlerceError(f"ALeRCE: detections of {object_id}: {status}")
        try:
            rows = json.loads(body)
            return [_detection(row, survey) for row in rows if row.get("has_stamp")]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise AlerceError(f"ALeRCE: detections of {object_id}: {error!r}"[:200]) from error

    def stamp(self, survey: Survey, object_id: str, detection_id: int, kind: Kind) -> bytes | None:
        """Return an image as it came, FITS or gzipped FITS; None while it is not there.

        Raises
        ------
        TransientError
            If the server is away or busy.
        """
        url = self._stamp_url(survey, object_id, detection_id, kind)
        try:
            status, body = self._get(url, MAX_STAMP_BYTES, "application/fits, */*")
        except TooLargeError:
            return None
        is_image = status == HTTPStatus.OK and body.startswith((_GZIP, _FITS))
        return body if is_image else None

    def _get(self, url: str, limit_bytes: int, accept: str) -> tuple[int, bytes]:
        """Ask once, not sooner after the request before than the settings allow."""
        time.sleep(max(0.0, self._may_ask_at_s - time.monotonic()))
        self._may_ask_at_s = self._next_s()
        return bounded.get(self._http, "ALeRCE", url, limit_bytes, accept)

    def _next_s(self) -> float:
        return time.monotonic() + 1 / self._settings.requests_per_s

    def _detections_url(self, survey: Survey, object_id: str) -> str:
        if survey == "ztf":
            path = f"/objects/{quote(object_id, safe='')}/detections"
            return _address(self._settings.ztf_url) + path
        asked = {"survey_id": survey, "oid": object_id}
        return f"{_address(self._settings.lsst_url)}/lightcurve_api/detections?{urlencode(asked)}"

    def _stamp_url(self, survey: Survey, object_id: str, detection_id: int, kind: Kind) -> str:
        if survey == "ztf":
            asked = {"oid": object_id, "candid": detection_id, "type": kind, "format": "fits"}
            return f"{_address(self._settings.ztf_stamps_url)}/get_stamp?{urlencode(asked)}"
        asked = {
            "oid": object_id,
            "measurement_id": detection_id,
            "stamp_type": f"cutout{kind.capitalize()}",
            "file_format": "fits",
            "survey_id": survey,
        }
        return f"{_address(self._settings.lsst_url)}/stamps_api/stamp?{urlencode(asked)}"


def is_set(settings: AlerceSettings, survey: str) -> bool:
    """Return whether the settings name the services of a survey."""
    if survey == "ztf":
        return bool(settings.ztf_url and settings.ztf_stamps_url)
    return bool(settings.lsst_url)


def _address(url: str) -> str:
    return url.rstrip("/")


def _detection(row: Mapping[str, Any], survey: Survey) -> Detection:
    """Return a row of ALeRCE's; LSST's times are TAI."""
    mjd = float(row["mjd"])
    jd_utc = float(mjd_tai_to_jd_utc(mjd)) if survey == "lsst" else mjd + MJD_EPOCH_JD
    return Detection(int(row[_IDS[survey]]), jd_utc)
