"""Forget what nobody needs any more: old mails with their addresses, dead codes, idle sessions."""

import time
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.mail import spool_folder
from accounts.models import (
    AccessToken,
    BabamulUser,
    KafkaCredential,
    OneTimeCode,
    OutboxMail,
    WebSession,
)
from broker.config import config

SPOOLED_KEPT = timedelta(days=7)
"""Files hold codes in the clear; the longest-lived code is dead by then."""
REVOKED_KEPT = timedelta(days=90)
"""Long enough to tell an owner what became of a credential; the audit trail stays."""
TOKENS_KEPT = timedelta(days=90)
"""Long enough to see in the profile why a program is refused."""
MAILS_KEPT = timedelta(days=14)
"""Long enough to answer "I got no mail"; addresses are then gone from the outbox."""
CODES_KEPT = timedelta(days=14)
NEVER_ACTIVATED_KEPT = timedelta(days=30)
"""An address that somebody typed and nobody confirmed."""


def forget_old() -> dict[str, int]:
    """Delete what is past its time; return how many of each kind; safe to repeat."""
    idle = timedelta(seconds=config().accounts.session_idle_s)
    old = {
        "mails": OutboxMail.objects.exclude(state="waiting").filter(
            created_at__lt=Now() - MAILS_KEPT
        ),
        "codes": OneTimeCode.objects.filter(
            Q(used_at=None) | Q(purpose="reset"), expires_at__lt=Now() - CODES_KEPT
        ),
        "sessions": WebSession.objects.filter(last_seen_at__lt=Now() - idle),
        "credentials": KafkaCredential.objects.filter(
            state="revoked", confirmed_at__lt=Now() - REVOKED_KEPT
        ),
        "tokens": AccessToken.objects.filter(expires_at__lt=Now() - TOKENS_KEPT),
    }
    deleted = {name: rows.delete()[0] for name, rows in old.items()}
    return deleted | {"accounts": _forget_accounts(), "files": _forget_files()}


def _forget_accounts() -> int:
    """Delete accounts that nobody activated, but for one that signs up again in this moment.

    A sign-up holds the row while it makes a code. So one that is held is left, and of those that
    are free the codes are looked at once more when nobody can make another.
    """
    old = BabamulUser.objects.filter(
        state="inactive", activated_at=None, created_at__lt=Now() - NEVER_ACTIVATED_KEPT
    ).exclude(codes__expires_at__gt=Now())
    with transaction.atomic():
        free = old.select_for_update(skip_locked=True, of=("self",))
        return old.filter(pk__in=list(free.values_list("pk", flat=True))).delete()[0]


def _forget_files() -> int:
    """Delete mails that were written into the folder long ago, and parts of some."""
    oldest_s = time.time() - SPOOLED_KEPT.total_seconds()
    deleted = 0
    for file in (*spool_folder().glob("*.eml"), *spool_folder().glob(".*.part")):
        with suppress(FileNotFoundError):  # it became whole, or somebody took it, just now
            if file.stat().st_mtime < oldest_s:
                file.unlink()
                deleted += 1
    return deleted
