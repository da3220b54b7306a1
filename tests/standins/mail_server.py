"""A real SMTP server on a real socket: it keeps what it takes, and can be told to misbehave."""

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TAKEN = "250 taken"
logging.getLogger("mail.log").setLevel(logging.WARNING)  # it would log every line of every mail


@dataclass
class MailServer:
    """What the server took, and what it shall answer instead.

    Attributes
    ----------
    mails : list of EmailMessage
        Everything that was taken, the oldest first.
    answers : list of str
        Answers to the next messages; without any, a message is taken.
    refused : set of str
        Recipients that do not exist here.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    login: tuple[str, str] | None = None

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Take a recipient, or not."""
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a message, or answer as told."""
        if self.answers:
            answer = self.answers.pop(0)
            if not answer.startswith("2"):
                return answer
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return TAKEN

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to one address."""
        return [mail for mail in self.mails if mail["To"] == address]

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, given: Any
    ) -> AuthResult:
        name = given.login.decode(), given.password.decode()
        is_right = isinstance(given, LoginPassword) and name == self.login
        return AuthResult(success=is_right, handled=False)


@contextmanager
def running(
    *,
    login: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    from_the_start: bool = False,
) -> Iterator[MailServer]:
    """Yield a server on a free port; with ``login`` it knows one.

    With ``tls`` it demands STARTTLS, or speaks TLS from the start.
    """
    server = MailServer(port=_free_port(), login=login)
    # Over TLS from the start the server itself does not know of it, and would offer no log-in.
    options: dict[str, Any] = {"auth_require_tls": tls is not None and not from_the_start}
    if login:  # offered, not demanded: in clear that would be warned about
        options |= {"authenticator": server._authenticate}
    if from_the_start:
        options |= {"ssl_context": tls}
    elif tls:
        options |= {"tls_context": tls, "require_starttls": True}
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
