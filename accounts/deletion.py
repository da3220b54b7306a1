"""Forget a person once Kafka has confirmed that nothing of theirs can be used."""

import uuid

from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.models import BabamulUser, DriftReport, KafkaCredential, OutboxMail
from accounts.passwords import UNUSABLE
from broker.logs import log


def finish_all() -> None:
    """Forget everybody whose deletion has come so far."""
    for user_id in BabamulUser.objects.filter(state="deleting").values_list("pk", flat=True):
        finish(user_id)


def finish(user_id: uuid.UUID) -> bool:
    """Forget a person whose account is being deleted; False while a credential still exists.

    Address, name, mails, reports of drift, sessions, tokens and codes go; the empty row stays, for
    the audit trail to point at. The address may sign up again from then on.
    """
    with transaction.atomic():
        user = BabamulUser.objects.select_for_update().filter(pk=user_id, state="deleting").first()
        if user is None or user.credentials.exclude(state="revoked").exists():
            return False
        _forget(user)
        audit.record("nightjar", "forget", f"account:{user.pk}")
    log.info("account.forgotten", account=str(user_id))
    return True


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
