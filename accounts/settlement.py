"""Bring Kafka to what a credential's row says; one row at a time, no transaction while Kafka works.

A row is claimed by one statement, for its generation and for the time of a lease; whoever was
killed holds it until the lease ends, and the next one does the same again. A newer wish does not
break the lease: two tasks never work on one principal, so a late one cannot put an old password
back. What a task finds when it is done may be a newer generation; then it writes nothing but frees
the row and rings for that one.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts import claims, credentials, deletion, mail, safe_mode
from accounts.claims import Claim
from accounts.models import KafkaCredential
from broker import kafka_admin
from broker.config import config
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.kafka_admin import ProbeOutcome
from broker.logs import log
from broker.secrets_box import SealError, open_sealed

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2, 300
PROBE_S = 10.0
PAUSE_S = 1.0
PROBE_GROUP = "nightjar-probe"
"""Ends the name of the group whose offsets the probe asks for; the principal's prefix begins it."""
AT_ONCE = 200
"""Rows that one sweep rings for."""
LOST = "Kafka has lost this password, and nobody keeps a copy: rotate it"
UNTRIED = "rights given again; the password stands as it was and was not tried: nobody keeps a copy"
EXPIRED = "Kafka could not be told this password within an hour, so it was forgotten: rotate it"

UNSETTLED_ROWS = Q(state__in=credentials.UNSETTLED) | Q(state="needs_rotation", confirmed_at=None)


@dataclass(frozen=True)
class Settled:
    """What the row shall say now."""

    state: str
    note: str = ""


class NotYetError(Exception):
    """Kafka does not show yet what it was told; asked again later."""


def settle(credential_id: str, generation: int) -> None:
    """Do what the row wants, if it is of this generation, due, and nobody else's."""
    if safe_mode.is_held(credential_id, generation):
        return
    claim = claims.take(uuid.UUID(credential_id), generation)
    if claim is None:
        return
    failpoint("credential_claimed")
    try:
        settled = _WORK[claim.state](claim)
    except (TransientError, NotYetError, TimeoutError) as error:
        log.warning("credential.delayed", **claims.facts(claim), error=str(error))
        _put_off(claim, str(error))
        return
    except Exception as error:
        _put_off(claim, repr(error))
        raise
    failpoint("credential_settled")
    _confirm(claim, settled)


def settle_here(row: KafkaCredential, state: str, within_s: float) -> None:
    """Do what the worker would do, for it may not run, until Kafka has confirmed ``state``.

    Raises
    ------
    TimeoutError
        If it has not within ``within_s`` [s]; a worker goes on with it.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        settle(str(row.pk), row.generation)
        row.refresh_from_db()
        if row.state == state:
            return
        if time.monotonic() > give_up_at:
            why = row.last_error or row.note
            raise TimeoutError(f"{row.principal} is {row.get_state_display()}: {why}")
        time.sleep(PAUSE_S)


def sweep() -> int:
    """Ring for what is due, forget passwords that are too old; return how many rows were rung."""
    _forget_old_secrets()
    rows = list(due()[:AT_ONCE])
    for row in rows:
        credentials.ring(row)
    deletion.finish_all()
    return len(rows)


def lose(row: KafkaCredential, why: str) -> None:
    """Write that Kafka has no password of an active row any more, and tell its owner."""
    with transaction.atomic():
        same = KafkaCredential.objects.filter(pk=row.pk, generation=row.generation, state="active")
        if same.update(state="needs_rotation", note=why, confirmed_at=Now()):
            _tell_owner(row.pk)


def due() -> QuerySet[KafkaCredential]:
    """Return the rows that Kafka has still to be brought to and that nobody works on."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    ripe = Q(next_try_at=None) | Q(next_try_at__lte=Now())
    rows = KafkaCredential.objects.filter(free, ripe, UNSETTLED_ROWS).exclude(safe_mode.held())
    return rows.order_by("created_at")


def _forget_old_secrets() -> None:
    """Wipe passwords that are too old; those of grants under way are wiped by their own task.

    A suspended row keeps an empty one, so that Restore asks for a new password: without any it
    would give rights back to whatever older password stands at Kafka.
    """
    old = KafkaCredential.objects.filter(secret_expires_at__lt=Now())
    waiting = ("suspending", "suspended")
    old.filter(state__in=waiting).exclude(secret_encrypted=b"").update(secret_encrypted=b"")
    old.exclude(state__in=("wanted", "granting", *waiting)).update(
        secret_encrypted=None, secret_expires_at=None
    )


def _grant(claim: Claim) -> Settled:
    if claim.secret is None:
        return _grant_again(claim)
    if claim.is_expired:
        return Settled("needs_rotation", EXPIRED)
    try:
        password = open_sealed(claim.secret).decode("ascii")
    except SealError:
        return Settled("needs_rotation", EXPIRED)
    kafka_admin.grant(claim.principal, password, claim.acls)
    if claim.is_service:
        return _log_in_as_service(claim, password)
    outcome = kafka_admin.probe_reader(
        claim.principal,
        password,
        config().kafka.public_servers,
        topic=kafka_admin.PROBE_TOPIC,
        group=f"{claim.group_prefix}-{PROBE_GROUP}".replace("--", "-"),
        limit_s=PROBE_S,
    )
    if not outcome.is_ready:
        raise NotYetError(f"a login on {config().kafka.public_servers}: {outcome}")
    return Settled("active", "" if outcome is ProbeOutcome.READ else outcome)


def _log_in_as_service(claim: Claim, password: str) -> Settled:
    """Find out that a service's login works; what it may do, Kafka lists."""
    if not kafka_admin.probe_login(claim.principal, password, config().kafka.public_servers):
        raise NotYetError(f"no login on {config().kafka.public_servers}")
    _demand_listed(claim)
    return Settled("active")


def _grant_again(claim: Claim) -> Settled:
    """Give the rights back to a principal whose password stands at Kafka.

    Nobody can log in with it here; what Kafka lists must do.
    """
    if not kafka_admin.has_secret(claim.principal):
        return Settled("needs_rotation", LOST)
    kafka_admin.grant_rights(claim.principal, claim.acls)
    _demand_listed(claim)
    return Settled("active", UNTRIED)


def _demand_listed(claim: Claim) -> None:
    listed = kafka_admin.listed_rights(claim.principal)
    if listed != {claim.principal: kafka_admin.told(claim.acls)}:
        raise NotYetError("its rights are not listed yet")


def _suspend(claim: Claim) -> Settled:
    kafka_admin.suspend(claim.principal)
    if kafka_admin.listed_rights(claim.principal):
        raise NotYetError("its rights are still listed")
    return Settled("suspended")


def _retire(claim: Claim) -> Settled:
    """Take rights and password until the owner draws another password."""
    _revoke(claim)
    return Settled("needs_rotation", claim.note)


def _revoke(claim: Claim) -> Settled:
    """Take rights, then the password, until Kafka lists neither."""
    kafka_admin.revoke(claim.principal)
    if kafka_admin.listed_rights(claim.principal):
        raise NotYetError("its rights are still listed")
    if kafka_admin.has_secret(claim.principal):
        raise NotYetError("its password is still listed")
    return Settled("revoked")


_WORK: Mapping[str, Callable[[Claim], Settled]] = {
    "granting": _grant,
    "suspending": _suspend,
    "revoking": _revoke,
    "needs_rotation": _retire,
}


def _confirm(claim: Claim, settled: Settled) -> None:
    """Write what Kafka has shown, unless something newer is wanted by now."""
    values = {
        "state": settled.state,
        "note": settled.note,
        "lease_until": None,
        "tries": 0,
        "last_error": "",
        "confirmed_at": Now(),
    }
    if settled.state != "suspended":  # a password that was never granted waits for Restore
        values |= {"secret_encrypted": None, "secret_expires_at": None}
    with transaction.atomic():
        is_ours = claims.held(claim).filter(generation=claim.generation).update(**values)
        if is_ours and settled.state == "needs_rotation":
            _tell_owner(claim.id)
    if not is_ours:
        _give_back(claim)
        return
    log.info("credential.settled", **claims.facts(claim), now=settled.state)
    if settled.state == "revoked" and claim.user_id is not None:
        deletion.finish(claim.user_id)


def _put_off(claim: Claim, error: str) -> None:
    """Give a row back that could not be settled; it is due again after a pause."""
    pause_s = min(FIRST_PAUSE_S * 2 ** min(claim.tries - 1, 10), LONGEST_PAUSE_S)
    back = "wanted" if claim.state == "granting" else claim.state
    done = (
        claims.held(claim)
        .filter(generation=claim.generation)
        .update(
            state=back,
            lease_until=None,
            next_try_at=Now() + timedelta(seconds=pause_s),
            last_error=error[:500],
        )
    )
    if not done:
        _give_back(claim)


def _tell_owner(credential_id: uuid.UUID) -> None:
    """Mail the owner of a credential that only they can mend, in the caller's transaction.

    A service has none: the admin's pages show its state.
    """
    row = KafkaCredential.objects.select_related("user").get(pk=credential_id)
    if row.user is not None and row.user.is_active:
        context = {"credential": row, "public_url": config().web.public_url}
        mail.post(row.user.email, "rotate", context)


def _give_back(claim: Claim) -> None:
    """Free a row whose wish has changed, and ring for the newer one."""
    log.info("credential.outdated", **claims.facts(claim))
    claims.held(claim).update(lease_until=None)
    for row in KafkaCredential.objects.filter(UNSETTLED_ROWS, pk=claim.id):
        credentials.ring(row)
