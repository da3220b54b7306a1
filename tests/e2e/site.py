"""The whole site for a test: web server, workers, test streams, a mail server, one database."""

import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage

from tests.e2e.system import System
from tests.e2e.upkeep import use_own_redis
from tests.redis_databases import RedisDatabase
from tests.standins import mail_server as smtp
from tests.standins.mail_server import MailServer

STARTS_WITHIN_S = 240.0
MAIL_WITHIN_S = 90.0
NEVER_RECONCILE = {"NIGHTJAR_ACCOUNTS__RECONCILE_S": "86400"}
"""Other tests make principals at the same broker, which a site would take for strangers."""


@dataclass
class Site:
    """A running site.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    mails : MailServer
        What it mailed.
    system : System
        Its processes and its database.
    """

    url: str
    mails: MailServer
    system: System

    def mail_to(self, address: str) -> EmailMessage:
        """Wait for the newest mail to an address."""
        give_up_at = time.monotonic() + MAIL_WITHIN_S
        while not self.mails.to(address):
            assert time.monotonic() < give_up_at, "no mail came: " + self.system.tails()
            time.sleep(0.1)
        return self.mails.to(address)[-1]


def link_in(mail: EmailMessage) -> str:
    """Return the address of ours that a mail's plain text holds."""
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"http://localhost\S+\?\S+", body.get_content())
    assert found
    return found[0]


@contextmanager
def running(system: System, **settings: str) -> Iterator[Site]:
    """Yield the site on a system; its processes end with the system."""
    with smtp.running() as mails:
        mail = {
            "NIGHTJAR_MAIL__HOST": "127.0.0.1",
            "NIGHTJAR_MAIL__PORT": str(mails.port),
            "NIGHTJAR_MAIL__SECURITY": "none",
        }
        port = free_port()
        url = f"http://localhost:{port}"
        web = {"NIGHTJAR_WEB__PORT": str(port), "NIGHTJAR_WEB__PUBLIC_URL": url}
        use_own_redis(system, RedisDatabase.SITE, **web, **mail, **NEVER_RECONCILE, **settings)
        system.start("steady", "manage.py", "steady")
        start_worker(system, "accounts")
        start_worker(system, "notify")
        start_web(system, url)
        try:
            yield Site(url, mails, system)
        finally:
            system.stop_all()


def start_web(system: System, url: str) -> None:
    """Start the web server, which its settings tell to listen at ``url``; wait for an answer."""
    system.start("web", "-m", "gunicorn", "broker.wsgi", "--workers", "1", "--threads", "8")
    give_up_at = time.monotonic() + STARTS_WITHIN_S
    while not _answers(url):
        assert time.monotonic() < give_up_at, system.tails()
        time.sleep(0.2)


def start_worker(system: System, queue: str, concurrency: int = 2) -> None:
    """Start a Celery worker of one queue."""
    system.start(
        f"worker-{queue}",
        *("-m", "celery", "-A", "broker.celery", "worker", "-Q", queue),
        *("--concurrency", str(concurrency), "--hostname", f"{queue}-{system.name}@%h"),
        *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        REMAP_SIGTERM="SIGQUIT",
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/login", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
