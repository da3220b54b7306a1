"""ANTARES's REST interface, version 2: the alerts of a locus, and the images of an alert.

Its answers, as its public client 2.0.2 expects them: an object whose ``data`` is a list. Alerts
have ``id``, ``mjd`` and ``properties``, in no order that is promised; images have
``thumbnail_type`` and ``src``, an address that may be on another host.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urljoin, urlsplit

import httpx
import structlog

from broker.errors import TransientError
from broker.sections.antares import AntaresSettings
from pipeline.clients import bounded
from pipeline.clients.bounded import TooLargeError
from pipeline.clients.closing import Closing

MAX_ALERTS_BYTES = 16 * 2**20
"""Some thousand alerts with a hundred properties each."""
MAX_IMAGES_BYTES = 2**20
MAX_IMAGE_BYTES = 8 * 2**20
NOBODY = "nightjar-is-there-anybody"
"""No locus has this name."""
FIRST_PAUSE_S = 0.5
"""Before the second try; doubled before each further one."""

log = structlog.get_logger(__name__)


class AntaresError(Exception):
    """ANTARES's answer is final and nothing that we read."""


class LocusAlert(NamedTuple):
    """One alert of a locus.

    Attributes
    ----------
    id : str
        ANTARES's.
    mjd : float
        Its time, on whatever scale its survey has [d].
    properties : mapping
        ``lsst_diaSource_<field>`` and others.
    """

    id: str
    mjd: float
    properties: Mapping[str, Any]


class Antares(Closing):
    """ANTARES's interface; nothing is changed there, and every call may be repeated.

    Within ``bounded.until`` all calls, with all their tries, end by its moment.

    Parameters
    ----------
    http : httpx.Client
        With timeouts.
    settings : AntaresSettings
        Addresses, and how often a request is tried.
    sleep : callable
        Waits between two tries [s].
    """

    def __init__(
        self,
        http: httpx.Client,
        settings: AntaresSettings,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(http)
        self._base = f"{settings.url.rstrip('/')}/"
        self._hosts = {urlsplit(self._base).netloc, *settings.image_hosts}
        self._tries = settings.tries
        self._sleep = sleep

    @classmethod
    def from_settings(cls, settings: AntaresSettings) -> Self:
        """Return a client of the interface in the settings; close it after use."""
        timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
        return cls(bounded.client(timeout=timeout), settings)

    def alerts(self, locus_id: str) -> list[LocusAlert]:
        """Return the alerts of a locus, the newest first.

        Raises
        ------
        TransientError
            If the server is away or busy at every try.
        AntaresError
            If there is no such locus, or the answer is no list of alerts.
        """
        rows = self._rows(f"loci/{quote(locus_id, safe='')}/alerts", MAX_ALERTS_BYTES)
        try:
            found = [_alert(row) for row in rows]
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise AntaresError(f"ANTARES: alerts of {locus_id}: {error!r}"[:200]) from error
        return sorted(found, key=lambda alert: alert.mjd, reverse=True)

    def is_there(self) -> bool:
        """Return whether it answers at all, if only that it has no locus of some name."""
        try:
            with suppress(AntaresError):
                self.alerts(NOBODY)
        except TransientError:
            return False
        return True

    def image_addresses(self, alert_id: str) -> dict[str, str]:
        """Return where the images of an alert lie, by kind; raises as ``alerts``."""
        rows = self._rows(f"alerts/{quote(alert_id, safe='')}/thumbnails", MAX_IMAGES_BYTES)
        try:
            return {str(row["thumbnail_type"]): str(row["src"]) for row in rows}
        except (TypeError, KeyError) as error:
            raise AntaresError(f"ANTARES: images of {alert_id}: {error!r}"[:200]) from error

    def image(self, address: str) -> bytes | None:
        """Return an image as it came; None while it is not there, or its host is not allowed.

        Raises
        ------
        TransientError
            If its server is away or busy at every try.
        """
        url = urljoin(self._base, address)
        parts = urlsplit(url)
        if parts.netloc not in self._hosts or parts.scheme not in {"http", "https"}:
            log.warning("antares.host_refused", host=parts.netloc, setting="antares.image_hosts")
            return None
        try:
            status, body = self._get(url, MAX_IMAGE_BYTES, "application/fits, */*")
        except TooLargeError:
            return None
        return body if status == HTTPStatus.OK and body else None

    def _rows(self, path: str, limit_bytes: int) -> list[Any]:
        """Return what ``data`` lists below a path."""
        try:
            status, body = self._get(f"{self._base}{path}", limit_bytes, "application/json")
        except TooLargeError as error:
            raise AntaresError(str(error)) from None
        if status != HTTPStatus.OK:  # of redirects too: no other host is asked
            raise AntaresError(f"ANTARES: {path}: {status}")
        try:
            rows = json.loads(body)["data"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AntaresError(f"ANTARES: {path}: {error!r}"[:200]) from error
        if not isinstance(rows, list):
            raise AntaresError(f"ANTARES: {path}: data is no list")
        return rows

    def _get(self, url: str, limit_bytes: int, accept: str) -> tuple[int, bytes]:
        """Ask until there is an answer, as often as the settings allow."""
        for attempt in range(self._tries - 1):
            try:
                return bounded.get(self._http, "ANTARES", url, limit_bytes, accept)
            except TransientError as error:
                log.info("antares.tried", attempt=attempt + 1, error=str(error)[:200])
                if bounded.is_over():
                    raise
                self._sleep(FIRST_PAUSE_S * 2**attempt)
        return bounded.get(self._http, "ANTARES", url, limit_bytes, accept)


def _alert(row: Mapping[str, Any]) -> LocusAlert:
    mjd, properties = float(row["mjd"]), row["properties"]
    if not math.isfinite(mjd) or not isinstance(properties, dict):
        raise ValueError(f"alert {row['id']!r} has no time, or no properties")
    return LocusAlert(str(row["id"]), mjd, properties)
