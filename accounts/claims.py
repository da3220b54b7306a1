"""Rows of credentials that one task works on at a time: taken for a generation, and for a lease."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from accounts.models import KafkaCredential
from accounts.principals import acls
from broker.kafka_rights import Acl

LEASE_S = 35
"""Above the hard time limit of the task, so that its holder is dead when it ends."""
_CLAIM = """
    UPDATE babamul_credentials SET
        state = CASE state WHEN 'wanted' THEN 'granting' ELSE state END,
        lease_until = now() + %(lease_s)s * interval '1 s',
        tries = tries + 1
    WHERE id = %(id)s AND generation = %(generation)s
        AND (state IN ('wanted', 'granting', 'suspending', 'revoking')
            OR state = 'needs_rotation' AND confirmed_at IS NULL)
        AND (lease_until IS NULL OR lease_until < now())
        AND (next_try_at IS NULL OR next_try_at <= now())
    RETURNING state, principal, group_prefix, secret_encrypted, secret_expires_at < now(),
        lease_until, tries, user_id, note, rights
"""


@dataclass(frozen=True)
class Claim:
    """A row that is ours until the lease ends.

    Attributes
    ----------
    id, generation
        Of the row.
    state : str
        What is to be done: ``granting``, ``suspending``, ``revoking`` or ``needs_rotation``.
    principal, group_prefix : str
        At Kafka.
    acls : list of Acl
        All that the principal may do while it is active.
    is_service : bool
        It is nobody's, and may read no public topic.
    secret : bytes or None
        Sealed password; None: rights alone are to be given back; empty: it was too old to keep.
    is_expired : bool
        The password is too old to be granted.
    lease_until : datetime
        By which the holder knows the row again.
    tries : int
        This one included.
    user_id : UUID or None
        Whose it is.
    note : str
        What its owner should know.
    """

    id: uuid.UUID
    generation: int
    state: str
    principal: str
    group_prefix: str
    acls: list[Acl]
    is_service: bool
    secret: bytes | None
    is_expired: bool
    lease_until: datetime
    tries: int
    user_id: uuid.UUID | None
    note: str


def take(credential_id: uuid.UUID, generation: int) -> Claim | None:
    """Return a row that is of this generation, due, and nobody else's; None if it is not."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM, {"id": str(credential_id), "generation": generation, "lease_s": LEASE_S}
        )
        row = cursor.fetchone()
    if row is None:
        return None
    state, principal, prefix, secret, is_expired, lease_until, tries, user_id, note, rights = row
    kept = None if rights is None else json.loads(rights)
    return Claim(
        credential_id,
        generation,
        state,
        principal,
        prefix,
        acls(principal, prefix, kept),
        kept is not None,
        None if secret is None else bytes(secret),
        bool(is_expired),
        lease_until,
        tries,
        user_id,
        note,
    )


def held(claim: Claim) -> QuerySet[KafkaCredential]:
    """Return the row while the lease is still that of the claim."""
    return KafkaCredential.objects.filter(pk=claim.id, lease_until=claim.lease_until)


def facts(claim: Claim) -> dict[str, object]:
    """Return what the log says of it."""
    return {"id": str(claim.id), "generation": claim.generation, "doing": claim.state}
