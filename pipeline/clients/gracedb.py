"""GraceDB's REST interface, asked for the notices of one event when GCN was away.

LIGO uploads there each notice exactly as it was sent to Kafka, as ``{event}-{type}.json``; a file
that was uploaded again has further versions, ``{name},0``, ``{name},1``.
"""

import json
import re
from http import HTTPStatus
from typing import Self
from urllib.parse import quote

import structlog

from broker.sections.outside import GracedbSettings
from pipeline.clients import bounded
from pipeline.clients.bounded import TooLargeError
from pipeline.clients.closing import Closing

MAX_LIST_BYTES = 2 * 2**20
MAX_NOTICE_BYTES = 8 * 2**20
MOST_NOTICES = 40
"""Of one event, the last ones; more are none that LIGO would send."""

_EVENT = re.compile(r"[A-Za-z0-9]{1,64}")
_TYPES = ("earlywarning", "preliminary", "initial", "update", "retraction")
"""In the order in which they are sent."""

log = structlog.get_logger(__name__)


class GraceDbError(Exception):
    """GraceDB's answer is final: there is no such event, or nothing that we read."""


class GraceDb(Closing):
    """One GraceDB; nothing in it is changed, and every call may be repeated.

    Parameters
    ----------
    http : httpx.Client
        With the address before ``superevents/`` and timeouts.
    """

    @classmethod
    def from_settings(cls, settings: GracedbSettings) -> Self:
        """Return a client of the GraceDB in the settings; close it after use."""
        base = f"{settings.url.rstrip('/')}/"
        return cls(bounded.client(base_url=base, timeout=settings.timeout_s))

    def notices(self, superevent_id: str) -> list[bytes]:
        """Return every public notice of an event as it was on Kafka, versions in their order.

        Raises
        ------
        GraceDbError
            If there is no such event, it has no public notice, or the answer cannot be read.
        TransientError
            If the server is away or busy.
        """
        if not _EVENT.fullmatch(superevent_id):
            raise GraceDbError(f"{superevent_id!r} is no superevent's id")
        folder = f"superevents/{superevent_id}/files/"
        names = _notice_names(self._get(folder, MAX_LIST_BYTES), superevent_id)
        if not names:
            raise GraceDbError(f"GraceDB has no public notice of {superevent_id}")
        return [self._get(folder + quote(name, safe=""), MAX_NOTICE_BYTES) for name in names]

    def _get(self, path: str, limit_bytes: int) -> bytes:
        try:
            status, body = bounded.get(self._http, "GraceDB", path, limit_bytes, "application/json")
        except TooLargeError as error:
            raise GraceDbError(str(error)) from None
        if status != HTTPStatus.OK:  # of redirects too: no other host is asked
            raise GraceDbError(f"GraceDB: GET {path}: {status} {HTTPStatus(status).phrase}")
        return body


def _notice_names(listing: bytes, superevent_id: str) -> list[str]:
    """Return the names of the notices in a list of files, the oldest first; at most so many.

    Names without a version count where the list has none of that file.
    """
    try:
        names = [str(name) for name in dict(json.loads(listing))]
    except (ValueError, TypeError, RecursionError) as error:
        raise GraceDbError(f"GraceDB: the list of files of {superevent_id}: {error!r}") from error
    types = "|".join(_TYPES)
    pattern = re.compile(rf"({re.escape(superevent_id)}-({types})\.json)(?:,(\d{{1,4}}))?")
    found = [match for name in names if (match := pattern.fullmatch(name))]
    versioned = {match[1] for match in found if match[3] is not None}
    wanted = [match for match in found if match[3] is not None or match[1] not in versioned]
    wanted.sort(key=lambda match: (_TYPES.index(match[2]), int(match[3] or 0)))
    if len(wanted) > MOST_NOTICES:
        left_out = [match[0] for match in wanted[:-MOST_NOTICES]]
        log.warning("gracedb.oldest_left_out", event_id=superevent_id, files=left_out)
    return [match[0] for match in wanted[-MOST_NOTICES:]]
