"""Forget what nobody needs any more: old mails with their addresses, dead codes, idle sessions."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import BabamulUser, OneTimeCode, OutboxMail, WebSession
from broker.config import config

MAILS_KEPT = timedelta(days=14)
"""Long enough to answer "I got no mail"; addresses are then gone from the outbox."""
CODES_KEPT = timedelta(days=14)
NEVER_ACTIVATED_KEPT = timedelta(days=30)
"""An address that somebody typed and nobody confirmed."""


def forget_old() -> dict[str, int]:
    """Delete what is past its time; return how many rows of each kind; safe to repeat."""
    idle = timedelta(seconds=config().accounts.session_idle_s)
    old = {
        "mails": OutboxMail.objects.exclude(state="waiting").filter(
            created_at__lt=Now() - MAILS_KEPT
        ),
        "codes": OneTimeCode.objects.filter(
            Q(used_at=None) | Q(purpose="reset"), expires_at__lt=Now() - CODES_KEPT
        ),
        "sessions": WebSession.objects.filter(last_seen_at__lt=Now() - idle),
        "accounts": BabamulUser.objects.filter(
            state="inactive", activated_at=None, created_at__lt=Now() - NEVER_ACTIVATED_KEPT
        ).exclude(codes__expires_at__gt=Now()),
    }
    return {name: rows.delete()[0] for name, rows in old.items()}
