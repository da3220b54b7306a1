"""Forget a person once Kafka has confirmed that nothing of theirs can be used."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.models import BabamulUser, DriftReport, KafkaCredential, OutboxMail
from accounts.passwords import UNUSABLE
from accounts.principals import NAMED
from broker.errors import TransientError
from broker.kafka_groups import delete_groups, group_names
from broker.kafka_rights import GROUP_PREFIX
from broker.logs import log

GROUPS_LAST = timedelta(hours=1)


def finish_all() -> None:
    """Forget everybody whose deletion has come so far."""
    for user_id in BabamulUser.objects.filter(state="deleting").values_list("pk", flat=True):
        finish(user_id)


def finish(user_id: uuid.UUID) -> bool:
    """Forget a person whose account is being deleted; False while Kafka still knows them.

    That is while a credential exists, or a consumer group: one with members lasts until they have
    gone, and no longer than ``GROUPS_LAST``, as others may join a group of an address.
    Address, name, mails, reports of drift, sessions, tokens and codes go; the empty row stays, for
    the audit trail to point at. The address may sign up again from then on.
    """
    leaving = BabamulUser.objects.filter(pk=user_id, state="deleting")
    user = leaving.first()
    if user is None or user.credentials.exclude(state="revoked").exists():
        return False
    if not _are_groups_gone(user):
        return False
    with transaction.atomic():
        user = leaving.select_for_update().first()
        if user is None:
            return False
        _forget(user)
        audit.record("nightjar", "forget", f"account:{user.pk}")
    log.info("account.forgotten", account=str(user_id))
    return True


def _are_groups_gone(user: BabamulUser) -> bool:
    """Delete the consumer groups of an account; return whether none is left to wait for."""
    rows = list(user.credentials.all())
    if not rows:
        return True
    named = {row.principal for row in rows if row.kind == "named"}
    unique = tuple(row.group("") for row in rows if row.kind == "email")
    try:
        listed = group_names(GROUP_PREFIX)
        own = [
            name
            for name in listed
            if (found[0] in named if (found := NAMED.match(name)) else name.startswith(unique))
        ]
        left = len(own) - len(delete_groups(own))
    except TransientError as error:
        log.warning("account.groups_not_deleted", account=str(user.pk), error=str(error))
        return False
    return not left or not user.credentials.filter(confirmed_at__gt=Now() - GROUPS_LAST).exists()


def _forget(user: BabamulUser) -> None:
    nobody = f"deleted-{user.pk}"
    OutboxMail.objects.filter(to=user.email).delete()
    DriftReport.objects.filter(lines__contains=[{"principal": user.email}]).delete()
    KafkaCredential.objects.filter(user=user, kind="email").update(principal=nobody, note="")
    for owned in (user.sessions, user.tokens, user.codes):
        owned.all().delete()
    user.email = f"{nobody}@deleted.invalid"
    user.username, user.password = "", UNUSABLE
    user.state, user.deleted_at = "deleted", Now()
    user.save()
