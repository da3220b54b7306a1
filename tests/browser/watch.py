"""What a browser complains about while a test looks at pages."""

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

OVERFLOW_JS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Watch:
    """Errors and CSP violations on the console, broken scripts, requests to third parties.

    Attributes
    ----------
    complaints : list of str
        One line each; a test that expects one empties the list.
    """

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self._page = page
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def fits(self) -> None:
        """Complain if the page is wider than its window."""
        extra_px = self._page.evaluate(OVERFLOW_JS)
        if extra_px > 0:
            self.complaints.append(f"{self._page.url} is {extra_px} px too wide")

    def expect(self, part: str) -> None:
        """Drop the complaints that hold ``part``, of which there must be one."""
        kept = [line for line in self.complaints if part not in line]
        assert len(kept) < len(self.complaints), f"nothing about {part!r} in {self.complaints}"
        self.complaints = kept

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} at {self._page.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left ends what it asked for
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in {"localhost", "127.0.0.1", None}:
            self.complaints.append(f"third party: {request.url}")
