"""Swift's pages about bursts: what BAT's analysis says some minutes after a trigger."""

import re
from http import HTTPStatus
from typing import Self

from broker.sections.outside import SwiftSettings
from pipeline.clients import bounded
from pipeline.clients.bounded import TooLargeError
from pipeline.clients.closing import Closing

MAX_PAGE_BYTES = 2 * 2**20
_TRIGGER = re.compile(r"[0-9]{1,12}")


class SwiftPages(Closing):
    """The pages of one server; every call may be repeated.

    Parameters
    ----------
    http : httpx.Client
        With the address before the trigger's number, and timeouts.
    """

    @classmethod
    def from_settings(cls, settings: SwiftSettings) -> Self:
        """Return a client of the server in the settings; close it after use."""
        base = f"{settings.url.rstrip('/')}/"
        return cls(bounded.client(base_url=base, timeout=settings.timeout_s))

    def bat_page(self, trigger_id: str) -> bytes | None:
        """Return the page of BAT's analysis; None while there is none that can be read.

        Raises
        ------
        TransientError
            If the server is away or busy.
        """
        if not _TRIGGER.fullmatch(trigger_id):
            return None
        path = page_path(trigger_id)
        try:
            status, body = bounded.get(self._http, "Swift", path, MAX_PAGE_BYTES, "text/html")
        except TooLargeError:
            return None
        return body if status == HTTPStatus.OK else None  # a redirect is none: no other host


def page_path(trigger_id: str) -> str:
    """Return where a trigger's page lies below the server's address."""
    return f"{trigger_id}/bascript/top.html"
