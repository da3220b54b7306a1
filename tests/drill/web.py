"""The web process, asked again and again while something else is broken."""

import time
import urllib.error
import urllib.request
from typing import Self

from compose.native import ports
from tests.drill.companion import Companion
from tests.drill.crew import Member

PAGES = ("/", "/health")
EVERY_S = 0.25
PATIENCE_S = 10.0
WARM_UP = 10
"""Requests before the first that counts: each of the web's processes has to be met."""
ANSWERED = (200, 503)
"""A health page that says that something is down has answered."""


def member() -> Member:
    """Return a web process on a port that is free now."""
    port = ports.drawn(0).web
    words = ("-m", "gunicorn", "broker.wsgi", "--workers", "2")
    return Member((*words, "--bind", f"127.0.0.1:{port}"), {"NIGHTJAR_WEB__PORT": str(port)})


class Visitor(Companion):
    """Asks for pages from a thread and remembers the slowest answer; use it as a context.

    Parameters
    ----------
    member : Member
        The web process.
    """

    def __init__(self, member: Member) -> None:
        self._site = f"http://127.0.0.1:{member.environment['NIGHTJAR_WEB__PORT']}"
        super().__init__("visitor")
        self.asked = 0
        self.slowest_s = dict.fromkeys(PAGES, 0.0)
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        """Wait for the first answers, then begin."""
        give_up_at = time.monotonic() + 60.0
        while self._ask("/") is None:
            assert time.monotonic() < give_up_at, "the web process never answered"
            time.sleep(EVERY_S)
        for page in PAGES * WARM_UP:
            self._ask(page)
        return super().__enter__()

    def __str__(self) -> str:
        """Say how long the slowest answers took."""
        slowest = ", ".join(f"{page} {took_s:.2f} s" for page, took_s in self.slowest_s.items())
        return f"{self.asked} pages, slowest: {slowest}"

    def _run(self) -> None:
        while not self._is_ending.wait(EVERY_S):
            for page in PAGES:
                began = time.monotonic()
                code = self._ask(page)
                self.slowest_s[page] = max(self.slowest_s[page], time.monotonic() - began)
                self.asked += 1
                if code not in ANSWERED:
                    self.failures.append(f"{page}: {code}")

    def _ask(self, page: str) -> int | None:
        try:
            with urllib.request.urlopen(self._site + page, timeout=PATIENCE_S) as answer:
                code: int = answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None
        return code
