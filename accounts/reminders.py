"""Tell people by mail before their personal tokens expire; each mail says how to hear no more.

A token is mentioned once for each of ``accounts.token_reminder_days`` that its life is longer than:
never on the day on which it was made.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts import mail
from accounts.models import AccessToken, BabamulUser
from accounts.tokens import as_uuid
from broker.config import config
from broker.secrets_box import derived_key

AT_ONCE = 500
"""Tokens that one run tells of; the next one tells of the others."""


def remind() -> int:
    """Write the mails that are due; return how many; safe to repeat."""
    # The last warning first: whoever gets it needs none of the earlier ones.
    return sum(_remind(days) for days in sorted(config().accounts.token_reminder_days))


def link(user: BabamulUser) -> str:
    """Return the page on which the owner of an address turns these mails off and on."""
    key = _signer().sign(str(user.pk))
    return f"{config().web.public_url.rstrip('/')}/reminders?{urlencode({'key': key})}"


def owner(key: str) -> BabamulUser | None:
    """Return the active account that the key of a mail names, None for any other text."""
    try:
        named = as_uuid(_signer().unsign(key))
    except BadSignature:
        return None
    found = BabamulUser.objects.filter(state="active")
    return found.filter(pk=named).first() if named else None


def switch(user: BabamulUser, *, is_wanted: bool) -> None:
    """Write down whether an account wants these mails."""
    BabamulUser.objects.filter(pk=user.pk).update(wants_reminders=is_wanted)


def _remind(days: int) -> int:
    with transaction.atomic():
        due = list(_due(days))
        groups = [list(tokens) for _, tokens in groupby(due, lambda token: token.user_id)]
        for tokens in groups:
            _post(tokens[0].user, tokens)
        AccessToken.objects.filter(pk__in=[token.pk for token in due]).update(warned_days=days)
    return len(groups)


def _due(days: int) -> QuerySet[AccessToken]:
    """Return tokens with so many days left or fewer whose owners were not told so, by owner."""
    return (
        AccessToken.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("user")
        .filter(
            Q(warned_days=None) | Q(warned_days__gt=days),
            user__state="active",
            user__wants_reminders=True,
            expires_at__gt=Now(),
            expires_at__lte=Now() + timedelta(days=days),
            created_at__lte=F("expires_at") - timedelta(days=days + 1),
        )
        .order_by("user_id", "expires_at", "pk")[:AT_ONCE]
    )


def _post(user: BabamulUser, tokens: Sequence[AccessToken]) -> None:
    stop = link(user)
    context = {"tokens": tokens, "public_url": config().web.public_url, "stop": stop}
    mail.post(user.email, "expiring", context, stop=stop)


def _signer() -> Signer:
    return Signer(key=derived_key("reminders").hex())
