"""What a server must tell about itself to be started, watched and stopped."""

import signal
import urllib.error
import urllib.request
from typing import Protocol

from compose.native.processes import Command


class NotReadyError(Exception):
    """The server does not answer properly yet; the message says what it answered."""


class Server(Protocol):
    """One of the real parts."""

    @property
    def name(self) -> str:
        """Return what it is called in ``up NAME``."""

    @property
    def stop_signal(self) -> signal.Signals:
        """Return the signal that stops it cleanly."""

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return the ports it listens on by purpose, as ``ports.SETTINGS`` names them."""

    def wipe(self) -> None:
        """Delete its data; it is not running."""

    def prepare(self) -> None:
        """Make folders, files and programs ready; harmless when they are."""

    def command(self) -> Command:
        """Return what to run."""

    def check(self) -> None:
        """Ask it something real; NotReadyError when the answer is not right."""

    def finish(self) -> None:
        """Make what clients expect inside it; harmless when it is there."""

    def failed_for_now(self, log: str) -> bool:
        """Return whether its last words mean that the same start may succeed in a moment."""


def ask_http(port: int, path: str) -> None:
    """Ask a program on loopback; an answer of any kind will do, NotReadyError where none comes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return
    except urllib.error.HTTPError:
        return  # it answered; what it thinks of its health is for status pages
    except OSError as error:
        raise NotReadyError(str(error)) from None
