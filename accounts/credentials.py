"""What shall be true at Kafka: every wish is a row first, and a task makes it so.

Each function writes in the caller's transaction and rings once that has committed, so a wish stands
if and only if the change of the account does. A bell that nobody hears is rung again by the sweep
of ``accounts.credential_tasks``. Each wish raises the row's generation: a task that was rung for an
older one ends. No function here speaks to Kafka.
"""

import time
import uuid
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, Literal

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import BabamulUser, KafkaCredential
from accounts.principals import Reader, email_reader, is_persons, named_reader, written
from broker import kafka_admin
from broker.celery import enqueue
from broker.config import config
from broker.kafka_rights import Acl
from broker.secrets_box import seal

SETTLE = "accounts.settle"
QUEUE = "accounts"
SECRET_LIFE = timedelta(hours=1)
"""A password that Kafka has not confirmed by then is forgotten, and its owner asked to rotate."""
SUSPENDED = ("suspending", "suspended")
ALIVE = ("wanted", "granting", "active", "needs_rotation")
"""States in which a credential may be given another password."""
UNSETTLED = ("wanted", "granting", "suspending", "revoking")
"""States that Kafka has still to be brought to; also ``needs_rotation``, until it is confirmed."""
POLL_S = 0.1


class CredentialError(Exception):
    """The credential's state does not allow this; the message says why, for its owner."""


def want(
    user: BabamulUser, kind: Literal["email", "named"], name: str, password: str
) -> KafkaCredential:
    """Ask for a credential of ``user``; the e-mail principal gets another password if it exists.

    One that staff suspended stays so, and has the new password once it is restored.

    Parameters
    ----------
    user : BabamulUser
        Whose it shall be.
    kind : {"email", "named"}
        The address itself, or a new ``babamul-<uuid4>``.
    name : str
        The user's own word for it.
    password : str
        ASCII; kept sealed until Kafka has confirmed it.

    Raises
    ------
    CredentialError
        If the account is not active.
    """
    # Who suspends or deletes the account waits for this, and then finds the new row.
    state = BabamulUser.objects.select_for_update().values_list("state", flat=True).get(pk=user.pk)
    if state != "active":
        raise CredentialError(f"this account is {state}")
    if kind == "named":
        return _new(user, kind, name, named_reader(password=password))
    present = KafkaCredential.objects.filter(user=user, kind=kind).exclude(state="revoked").first()
    if present is not None and present.state in SUSPENDED:
        return _keep_for_restore(present, password)
    if present is not None:
        return _rekey(present, password, (*ALIVE, "revoking"))  # who wants it again, has it again
    return _new(user, kind, name, email_reader(user.email, config(), password))


def want_service(
    principal: str, group_prefix: str, rights: Iterable[Acl], password: str
) -> KafkaCredential:
    """Ask for a principal that is nobody's, and may do what ``rights`` say and no more.

    One that exists gets these rights and this password instead of its own.

    Parameters
    ----------
    principal : str
        Kafka user name; neither an address nor of one of our own processes.
    group_prefix : str
        Its consumer groups begin so.
    rights : iterable of Acl
        All that it may do, its groups as well.
    password : str
        ASCII; kept sealed until Kafka has confirmed it.

    Raises
    ------
    CredentialError
        If the name is a person's or ours, or the credential is suspended.
    """
    if is_persons(principal) or kafka_admin.is_protected(principal):
        raise CredentialError(f"{principal} is no name of a service")
    kept = written(rights)
    rows = KafkaCredential.objects.select_for_update().exclude(state="revoked")
    present = rows.filter(principal=principal).first()
    if present is not None:
        present.rights, present.group_prefix = kept, group_prefix
        present.save(update_fields=["rights", "group_prefix"])
        return _rekey(present, password, (*ALIVE, "revoking"))
    return _create("service", principal, Reader(principal, password, group_prefix), rights=kept)


def rotate(credential: KafkaCredential, password: str) -> KafkaCredential:
    """Ask for another password of ``credential``.

    Raises
    ------
    CredentialError
        If it is suspended, revoked or about to be.
    """
    return _rekey(credential, password, ALIVE)


def demand_rotation(credential: KafkaCredential, note: str) -> KafkaCredential:
    """Ask that the password of ``credential`` be gone until its owner draws another one.

    Raises
    ------
    CredentialError
        If it is suspended, revoked or about to be.
    """
    row = _locked(credential)
    if row.state not in ALIVE:
        raise CredentialError(f"this credential is {row.get_state_display()}")
    row.state, row.confirmed_at = "needs_rotation", None
    _forget_secret(row)
    return _wish(row, note)


def revoke(credential: KafkaCredential) -> KafkaCredential:
    """Ask that ``credential`` be gone; one that is gone or going stays as it is."""
    row = _locked(credential)
    if row.state in {"revoking", "revoked"}:
        return row
    row.state = "revoking"
    _forget_secret(row)
    return _wish(row)


def suspend_all(user: BabamulUser) -> list[KafkaCredential]:
    """Ask that no credential of ``user`` may read anything; passwords stay, see ``restore_all``."""
    return [_suspend(row) for row in _locked_of(user, (*ALIVE,))]


def restore_all(user: BabamulUser) -> list[KafkaCredential]:
    """Ask that what ``suspend_all`` took be given back.

    A row without a password in it means: the rights alone, the password stands at Kafka.
    """
    return [_restore(row) for row in _locked_of(user, SUSPENDED)]


def suspend(credential: KafkaCredential) -> KafkaCredential:
    """Ask that one credential may read nothing; its password stays.

    Raises
    ------
    CredentialError
        If it is suspended, revoked or about to be.
    """
    row = _locked(credential)
    if row.state not in ALIVE:
        raise CredentialError(f"this credential is {row.get_state_display()}")
    return _suspend(row)


def restore(credential: KafkaCredential) -> KafkaCredential:
    """Ask that what ``suspend`` took be given back.

    Raises
    ------
    CredentialError
        If it is not suspended, or its account is not active.
    """
    return _grant_anew(credential, SUSPENDED)


def grant_again(credential: KafkaCredential) -> KafkaCredential:
    """Ask that a credential be granted once more: its rights, and a password that still waits.

    Raises
    ------
    CredentialError
        If it is neither active nor being granted, or its account is not active.
    """
    return _grant_anew(credential, ("wanted", "granting", "active"))


def revoke_all(user: BabamulUser) -> list[KafkaCredential]:
    """Ask that every credential of ``user`` be gone.

    When ``user`` is in state ``deleting``, the account is made anonymous once the last one is gone.
    """
    rows = _locked_of(user, (*ALIVE, "suspending", "suspended"))
    if not rows and user.state == "deleting":
        transaction.on_commit(_ring_sweep)
    return [revoke(row) for row in rows]


def await_state(ids: Iterable[uuid.UUID], states: Collection[str], limit_s: float) -> bool:
    """Return whether all rows come to one of ``states`` within ``limit_s`` [s].

    Call it outside a transaction: inside one, nothing that the task writes might be seen, and the
    wish would not be committed.
    """
    wanted = set(ids)
    deadline = time.monotonic() + limit_s
    while True:
        reached = KafkaCredential.objects.filter(pk__in=wanted, state__in=states).count()
        if reached == len(wanted):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)


def ring(row: KafkaCredential) -> None:
    """Ring for the task that brings Kafka to the row's state, now."""
    enqueue(SETTLE, QUEUE, str(row.pk), row.generation)


def _new(user: BabamulUser, kind: str, name: str, reader: Reader) -> KafkaCredential:
    return _create(kind, name, reader, user=user)


def _create(kind: str, name: str, reader: Reader, **more: Any) -> KafkaCredential:
    row = KafkaCredential.objects.create(
        kind=kind,
        name=name,
        principal=reader.username,
        group_prefix=reader.group_prefix,
        secret_encrypted=seal(reader.password.encode("ascii")),
        secret_expires_at=Now() + SECRET_LIFE,
        **more,
    )
    row.refresh_from_db()  # times are Postgres' own
    transaction.on_commit(lambda: ring(row))
    return row


def _rekey(credential: KafkaCredential, password: str, states: Collection[str]) -> KafkaCredential:
    row = _locked(credential)
    if row.state not in states:
        raise CredentialError(f"this credential is {row.get_state_display()}")
    row.state = "wanted"
    row.secret_encrypted = seal(password.encode("ascii"))
    row.secret_expires_at = Now() + SECRET_LIFE
    return _wish(row)


def _keep_for_restore(credential: KafkaCredential, password: str) -> KafkaCredential:
    """Seal a password for when the row is restored: the one at Kafka must not be revived."""
    row = _locked(credential)
    if row.state not in SUSPENDED:  # restored in this moment
        return _rekey(row, password, (*ALIVE, "revoking"))
    row.secret_encrypted = seal(password.encode("ascii"))
    row.secret_expires_at = Now() + SECRET_LIFE
    row.save(update_fields=["secret_encrypted", "secret_expires_at"])
    return row


def _suspend(row: KafkaCredential) -> KafkaCredential:
    if row.state == "needs_rotation":  # an empty password: Restore must not revive the last one
        row.secret_encrypted, row.secret_expires_at = b"", Now()
    row.state = "suspending"
    return _wish(row)


def _grant_anew(credential: KafkaCredential, states: Collection[str]) -> KafkaCredential:
    # The account first, as in want(): who suspends it finds the row wanted, or is waited for.
    users = BabamulUser.objects.select_for_update().values_list("state", flat=True)
    owner = credential.user_id
    if owner is not None and (state := users.get(pk=owner)) != "active":
        raise CredentialError(f"this account is {state}")
    row = _locked(credential)
    if row.state not in states:
        raise CredentialError(f"this credential is {row.get_state_display()}")
    return _restore(row)


def _restore(row: KafkaCredential) -> KafkaCredential:
    row.state = "wanted"
    return _wish(row)


def _wish(row: KafkaCredential, note: str = "") -> KafkaCredential:
    """Write a wish. The lease stays: who works on the older one must have ended first."""
    row.generation += 1
    row.tries, row.next_try_at = 0, None
    row.note, row.last_error = note, ""
    row.save()
    row.refresh_from_db()  # times are Postgres' own
    transaction.on_commit(lambda: ring(row))
    return row


def _forget_secret(row: KafkaCredential) -> None:
    row.secret_encrypted = None
    row.secret_expires_at = None


def _locked(credential: KafkaCredential) -> KafkaCredential:
    return KafkaCredential.objects.select_for_update().get(pk=credential.pk)


def _locked_of(user: BabamulUser, states: Collection[str]) -> list[KafkaCredential]:
    rows = KafkaCredential.objects.select_for_update().filter(user=user, state__in=states)
    return list(rows.order_by("created_at", "pk"))


def _ring_sweep() -> None:
    enqueue("accounts.sweep", QUEUE)
