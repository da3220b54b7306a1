"""After an older state was restored: Kafka may know better, and staff decide what is mended.

Principals without a row may be of people who signed up after the backup was made, and a wish that
had not been settled then may have been overtaken since. While safe mode is on, ``reconcile`` writes
what it would do, and wishes from before it are not settled; what people wish now is. It begins with
a restore and ends when a member of staff ends it.
"""

from functools import partial

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts import audit
from accounts.credentials import QUEUE
from accounts.models import BabamulUser, KafkaCredential, SafeMode, WebSession
from broker.celery import enqueue

PROPOSED = "proposed: "
HELD = f"{PROPOSED}settled as the row says"
GENERATIONS = 1000
"""Added to every account's: no restored counter may reach one that was handed out since."""


class SafeModeError(Exception):
    """What was asked of safe mode cannot be; the message says why."""


def current() -> SafeMode | None:
    """Return the safe mode that is on, None without one."""
    return SafeMode.objects.filter(ended_at=None).order_by("began_at").first()


def begin(why: str, unsettled: Q) -> SafeMode:
    """Begin: hold unsettled wishes, and end whatever login may have been revoked since.

    Browsers, those of staff too, and API logins of accounts end, for one that was ended after the
    backup would be valid again; personal access tokens stay.

    Parameters
    ----------
    why : str
        Which backup was restored.
    unsettled : Q
        Rows of credentials that Kafka has still to be brought to.
    """
    with transaction.atomic():
        SafeMode.objects.filter(ended_at=None).update(ended_at=Now(), ended_by="nightjar")
        rows = KafkaCredential.objects.filter(unsettled)
        held = [[str(key), generation] for key, generation in rows.values_list("pk", "generation")]
        WebSession.objects.all().delete()
        Session.objects.all().delete()
        BabamulUser.objects.update(generation=F("generation") + GENERATIONS)
        audit.record("nightjar", "begin-safe-mode", "credentials", why)
        return SafeMode.objects.create(why=why, held=held)


def end(actor: str, why: str) -> None:
    """End it: what was proposed is done by the next comparison, which is rung for.

    Raises
    ------
    SafeModeError
        If it is not on.
    """
    with transaction.atomic():
        on = SafeMode.objects.filter(ended_at=None)
        if not on.update(ended_at=Now(), ended_by=actor):
            raise SafeModeError("safe mode is not on")
        audit.record(actor, "end-safe-mode", "credentials", why)
        for task in ("accounts.sweep", "accounts.reconcile"):
            transaction.on_commit(partial(enqueue, task, QUEUE))


def held() -> Q:
    """Return the rows that are not settled now; none without safe mode."""
    safe = current()
    found = Q(pk__in=())
    for key, generation in safe.held if safe else ():
        found |= Q(pk=key, generation=generation)
    return found


def is_held(credential_id: str, generation: int) -> bool:
    """Return whether a wish waits until safe mode ends."""
    safe = current()
    return safe is not None and [credential_id, generation] in safe.held


def held_lines() -> list[dict[str, str]]:
    """Return the wishes that wait, as lines of a report."""
    return [
        {"principal": row.principal, "ours": row.state, "kafka": "not compared", "repair": HELD}
        for row in KafkaCredential.objects.filter(held()).order_by("principal")
    ]
