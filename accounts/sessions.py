"""Browsers that are signed in: a row for each, found by the hash of its cookie."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import BabamulUser, WebSession
from accounts.tokens import NOTED_EVERY
from broker.config import config

KEY_BYTES = 32
LONGEST_AGENT = 300


class OvertakenError(Exception):
    """All log-ins of the account were ended while a request of one was under way."""


def hold_login(user: BabamulUser) -> None:
    """Lock an account until the caller's transaction ends, if its log-ins still stand.

    Raises
    ------
    OvertakenError
        If the account was suspended, deleted, or its password reset since ``user`` was read.
    """
    same = BabamulUser.objects.select_for_update().filter(pk=user.pk, state="active")
    if same.filter(generation=user.generation).first() is None:
        raise OvertakenError


def open_session(user: BabamulUser, agent: str) -> str:
    """Return the cookie of a new session.

    Raises
    ------
    OvertakenError
        If the account was suspended, deleted, or its password reset since ``user`` was read: to
        compare a password takes a while.
    """
    key = secrets.token_urlsafe(KEY_BYTES)
    with transaction.atomic():
        hold_login(user)
        WebSession.objects.create(user=user, key_sha256=_sha256(key), agent=agent[:LONGEST_AGENT])
    return key


def find_session(key: str) -> WebSession | None:
    """Return the session of a cookie, with its account, unless it idled away or must not be.

    That it was seen is noted at most once a minute.
    """
    found = WebSession.objects.select_related("user").filter(key_sha256=_sha256(key))
    row = found.filter(_is_living(), user__state="active").first()
    if row is not None:
        _note(row)
    return row


def living(user: BabamulUser) -> QuerySet[WebSession]:
    """Return the browsers that are signed in, those seen last first."""
    return user.sessions.filter(_is_living()).order_by("-last_seen_at")


def close_session(key: str) -> None:
    """Sign one browser out."""
    WebSession.objects.filter(key_sha256=_sha256(key)).delete()


def close_others(user: BabamulUser, kept: WebSession | None = None) -> int:
    """Sign every browser out but ``kept``; return how many there were."""
    every = user.sessions.all()
    return (every.exclude(pk=kept.pk) if kept else every).delete()[0]


def _is_living() -> Q:
    idle = timedelta(seconds=config().accounts.session_idle_s)
    return Q(last_seen_at__gt=Now() - idle)


def _note(row: WebSession) -> None:
    seen = WebSession.objects.filter(pk=row.pk, last_seen_at__lt=Now() - NOTED_EVERY)
    if seen.update(last_seen_at=Now()):
        BabamulUser.objects.filter(pk=row.user_id).update(last_seen_at=Now())


def _sha256(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
