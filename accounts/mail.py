"""Mails wait in a table until a mail server has taken them; no request ever waits for one.

A mail is written in the transaction of what it tells about, its text sealed, and wiped as soon as
it has left or is too old. Only its id passes through Redis. Without ``mail.host`` mails are written
into a folder, as the whole message that would have left.
"""

import json
import smtplib
import ssl
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.template.loader import render_to_string

from accounts.mail_tasks import QUEUE, SEND
from accounts.models import OutboxMail
from broker.celery import enqueue
from broker.config import config, project_path
from broker.logs import log
from broker.secrets_box import SealError, open_sealed, seal

SUBJECTS = {
    "activation": "Activate your Nightjar account",
    "known": "You already have a Nightjar account",
    "reset": "A new password for your Nightjar account",
    "changed": "Your Nightjar password was changed",
    "rotate": "Your Kafka login needs a new password",
    "expiring": "Tokens of your Nightjar account expire soon",
}
"""Each letter has two templates of its name: plain text and HTML."""
LEASE = timedelta(minutes=3)
"""Nobody else sends a mail for so long; above the time limit of its task."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15, 1800
LONG_S = 10**9
LONGEST_ERROR = 500
KEPT_TRIES = 50
AT_ONCE = 100
"""Mails that one sweep rings for."""
NO_MAIL = 0
"""The id of none; its bell is heard, and nothing is done."""


def post(
    to: str,
    letter: str,
    context: Mapping[str, Any],
    good_for_s: int | None = None,
    *,
    stop: str = "",
) -> OutboxMail:
    """Write a mail in the caller's transaction; it leaves after the commit.

    Parameters
    ----------
    to : str
        Address in the form that accounts keep.
    letter : str
        One of ``SUBJECTS``.
    context : mapping
        For its templates, with ``holds_s`` added; may hold secrets.
    good_for_s : int, optional
        A mail that has not left by then is not worth sending, as its code is dead [s].
    stop : str, optional
        Address at which mails of its kind are turned off.
    """
    settings = config().mail
    told = {**context, "holds_s": good_for_s}
    row = OutboxMail.objects.create(
        to=to,
        subject=SUBJECTS[letter],
        body_encrypted=_sealed(f"accounts/mail/{letter}", told, stop),
        expires_at=Now() + timedelta(seconds=min(good_for_s or LONG_S, settings.expires_s)),
    )
    transaction.on_commit(lambda: ring(row.pk))
    return row


def post_once(once: str, to: str, subject: str, template: str, context: Mapping[str, Any]) -> None:
    """Write a mail to somebody who runs this, if none was written about the same before.

    Parameters
    ----------
    once : str
        What it is about.
    to, subject : str
        Address and headline.
    template : str
        Name of its two templates, without ``.txt`` and ``.html``.
    context : mapping
        For them.
    """
    row, is_new = OutboxMail.objects.get_or_create(
        once=once,
        defaults={
            "to": to,
            "subject": subject,
            "body_encrypted": _sealed(template, context, ""),
            "expires_at": Now() + timedelta(seconds=config().mail.expires_s),
        },
    )
    if is_new:
        transaction.on_commit(lambda: ring(row.pk))


def was_posted(once: str) -> bool:
    """Tell whether a mail was written about this."""
    return OutboxMail.objects.filter(once=once).exists()


def ring(mail_id: int) -> None:
    """Ring for the task that sends a mail."""
    enqueue(SEND, QUEUE, mail_id)


def send(mail_id: int) -> None:
    """Send a mail that is due; safe to repeat, as one sender at a time holds it.

    A server that is away or busy gets it later; one that refuses it for good ends it.
    """
    if not _due().filter(pk=mail_id).update(next_try_at=Now() + LEASE, tries=F("tries") + 1):
        return
    row = OutboxMail.objects.get(pk=mail_id)
    try:
        _deliver(_message(row))
    except SealError as error:
        _end(row, "failed", str(error))
    except smtplib.SMTPDataError as error:
        _refused(row, error.smtp_code, error)
    except smtplib.SMTPRecipientsRefused as error:
        _refused(row, max(code for code, _ in error.recipients.values()), error)
    except (smtplib.SMTPException, OSError) as error:  # also our own log-in refused: mend, not drop
        _later(row, error)
    else:
        _end(row, "sent")


def sweep() -> int:
    """Drop what is too old and ring for what is due; return how many were rung."""
    stale = OutboxMail.objects.filter(state="waiting", expires_at__lte=Now())
    stale.update(state="expired", body_encrypted=None)
    due = list(_due().order_by("next_try_at").values_list("pk", flat=True)[:AT_ONCE])
    for mail_id in due:
        ring(mail_id)
    return len(due)


def spool_folder() -> Path:
    """Return where mails are written when there is no mail server."""
    settings = config()
    return project_path(settings.mail.spool_dir or f"{settings.home}/mail")


def _sealed(template: str, context: Mapping[str, Any], stop: str) -> bytes:
    body = {kind: render_to_string(f"{template}.{kind}", context) for kind in ("txt", "html")}
    return seal(json.dumps(body | {"stop": stop}).encode())


def _due() -> Any:
    return OutboxMail.objects.filter(
        Q(next_try_at__lte=Now()), state="waiting", expires_at__gt=Now()
    )


def _message(row: OutboxMail) -> EmailMultiAlternatives:
    body = json.loads(open_sealed(bytes(row.body_encrypted or b"")))
    sender = config().mail.from_address
    domain = sender.rstrip("> ").rpartition("@")[2]
    headers = {
        # The same at each try: a server that took it and then fell silent can tell.
        "Message-ID": f"<{row.pk}.{int(row.created_at.timestamp())}@{domain}>",
        "Auto-Submitted": "auto-generated",
    }
    if body["stop"]:  # RFC 8058: mail programs show a button
        headers["List-Unsubscribe"] = f"<{body['stop']}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(row.subject, body["txt"], sender, [row.to], headers=headers)
    message.attach_alternative(body["html"], "text/html")
    return message


def _deliver(message: EmailMultiAlternatives) -> None:
    settings = config().mail
    if not settings.host:
        _spool(message)
        return
    backend = _Backend(
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password.get_secret_value(),
        use_tls=settings.security == "starttls",
        use_ssl=settings.security == "tls",
        timeout=settings.timeout_s,
    )
    try:
        backend.send_messages([message])
    finally:
        backend.close()  # Django forgets a connection that failed on its way to TLS or log-in


class _Backend(EmailBackend):
    """Django's own, with the authority that the settings name."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """Certificate and name of the server are proved, as by default."""
        return ssl.create_default_context(cafile=config().mail.ca_file or None)


def _spool(message: EmailMultiAlternatives) -> None:
    """Write a file that only its owner reads; it is whole or absent."""
    folder = spool_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{uuid.uuid4()}.part"
    part.touch(mode=0o600)
    part.write_bytes(message.message().as_bytes())
    name = str(message.message()["Message-ID"]).strip("<>").partition("@")[0]
    part.rename(folder / f"{name}.eml")


def _refused(row: OutboxMail, code: int, error: Exception) -> None:
    """End a mail that the server will never take (5xx); try again later otherwise."""
    if code >= 500:  # noqa: PLR2004 SMTP's permanent failures
        _end(row, "failed", repr(error))
    else:
        _later(row, error)


def _later(row: OutboxMail, error: Exception) -> None:
    pause_s = min(FIRST_PAUSE_S * 2 ** min(row.tries - 1, 10), LONGEST_PAUSE_S)
    told = _told(error)
    log.warning("mail.delayed", mail=row.pk, tries=row.tries, error=told)
    OutboxMail.objects.filter(pk=row.pk, state="waiting").update(
        next_try_at=Now() + timedelta(seconds=pause_s),
        last_error=told[:LONGEST_ERROR],
        attempts=_noted(row, told),
    )


def _noted(row: OutboxMail, outcome: str) -> list[dict[str, str]]:
    """Return a mail's tries with the one that has just ended; the oldest of very many go."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    tries: list[dict[str, str]] = row.attempts
    return [*tries[1 - KEPT_TRIES :], {"at": now, "outcome": outcome[:LONGEST_ERROR]}]


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"the certificate of {config().mail.host} is refused: {why} (see mail.ca_file)"
    return repr(error)


def _end(row: OutboxMail, state: str, error: str = "") -> None:
    """Write how a mail ended; its text goes in the same statement."""
    if error:
        log.error("mail.failed", mail=row.pk, error=error)
    else:
        log.info("mail.sent", mail=row.pk, tries=row.tries)
    OutboxMail.objects.filter(pk=row.pk).update(
        state=state,
        body_encrypted=None,
        last_error=error[:LONGEST_ERROR],
        attempts=_noted(row, error or state),
        sent_at=Now() if state == "sent" else None,
    )
