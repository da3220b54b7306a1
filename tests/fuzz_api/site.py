"""A web process of one's own over a filled database."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.config import ROOT
from tests.environment import inherited
from tests.unlimited import UNLIMITED

STARTS_WITHIN_S = 120.0
STOPS_WITHIN_S = 40.0
SECRET = "for these tests only, and long enough to be a key"


@dataclass(frozen=True)
class Site:
    """A running web process.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    token : str
        Personal token of an account.
    log : Path
        What the process writes.
    """

    url: str
    token: str
    log: Path


@contextmanager
def served(settings: Mapping[str, str], folder: Path) -> Iterator[Site]:
    """Yield the web over the migrated, empty database that the settings name; its files in folder."""
    port = _free_port()
    environment = inherited(
        UNLIMITED,
        {
            "DJANGO_SETTINGS_MODULE": "broker.settings",
            "NIGHTJAR_WEB__PORT": str(port),
            "NIGHTJAR_WEB__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "NIGHTJAR_WEB__SECRET_KEY": SECRET,
            "NIGHTJAR_ARCHIVE__PATH": str(folder / "archive"),
        },
        settings,
    )
    filled = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_api.fill"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert filled.returncode == 0, filled.stderr
    site = Site(f"http://127.0.0.1:{port}", filled.stdout.split()[-1], folder / "web.log")
    with site.log.open("wb") as log:
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "broker.wsgi", "--workers", "1", "--threads", "4"],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _await(site, web)
        yield site
    finally:
        web.terminate()
        web.wait(STOPS_WITHIN_S)


def _await(site: Site, web: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"{site.url}/babamul/openapi.json", timeout=20):
                return
        except (urllib.error.URLError, OSError):
            is_over = web.poll() is not None or time.monotonic() > give_up_at
            assert not is_over, site.log.read_text()
            time.sleep(0.2)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
