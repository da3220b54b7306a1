"""Requests that go nowhere else than asked: an address comes from settings, not from a reply."""

import urllib.error
import urllib.request
from typing import Any, NoReturn


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses to be sent elsewhere, as a failed request."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, *_: Any) -> NoReturn:
        """Raise what urllib raises for a status that is an error."""
        why = f"redirect refused: {msg}"
        raise urllib.error.HTTPError(req.full_url, code, why, req.headers, fp)
