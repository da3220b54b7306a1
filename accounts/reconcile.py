"""Compare our rows with Kafka's own listings, and repair what differs, in either direction.

Kafka is listed first and the rows are read after it, so what a listing shows has its row by then.
A row that changed since is left for the next time. Repairs hold the row's lease, like the tasks
that settle it. Principals that are not people's are never touched.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import audit, credentials, principals, safe_mode, settlement
from accounts.claims import LEASE_S
from accounts.models import DriftReport, KafkaCredential
from accounts.principals import NAMED
from broker import kafka_admin
from broker.config import config
from broker.db import lock
from broker.kafka_groups import group_names
from broker.logs import log

LOCK = "accounts.reconcile"
KEPT = timedelta(days=30)
AT_ONCE = 1000
"""Repairs of one comparison; the others follow with the next."""
MENDING_S = 50.0
"""Of one comparison; below the time limit of its task, so that its report is written."""
FAILED = "failed"
SETTLED = ("active", "suspended", "needs_rotation")
NO_ROW = "nothing"
SEEN_ONCE = "none yet: it goes if it is still there next time"
NOTHING_LISTED = "Kafka lists no password of anybody"


@dataclass(frozen=True)
class Listing:
    """What Kafka says: principals with a password, and the rights of each principal."""

    secrets: frozenset[str]
    rights: Mapping[str, list[str]]

    @property
    def principals(self) -> set[str]:
        """Everybody who has either."""
        return {*self.secrets, *self.rights}

    def told(self, principal: str) -> str:
        """Return what Kafka says of a principal, for people."""
        secret = "password" if principal in self.secrets else "no password"
        return ", ".join([secret, *(self.rights.get(principal) or ["no rights"])])


@dataclass(frozen=True)
class Difference:
    """Something that differs, and what mends it.

    Attributes
    ----------
    principal, ours, kafka : str
        Who, what our row says, what Kafka says.
    repair : str
        What is done, in words.
    row : KafkaCredential or None
        The row that the repair holds.
    mend : callable or None
        Does it; None: only told.
    """

    principal: str
    ours: str
    kafka: str
    repair: str
    row: KafkaCredential | None = None
    mend: Callable[[], object] | None = None


class DoubtfulListingError(Exception):
    """A listing that cannot be whole; nothing is concluded from it."""


def reconcile() -> DriftReport | None:
    """Compare, repair and report; None while another process does. In safe mode nothing is done."""
    with lock(LOCK) as is_ours:
        if not is_ours:
            return None
        is_safe = safe_mode.current() is not None
        lines: list[dict[str, str]] = []
        error = ""
        try:
            if is_safe:
                lines += map(_proposed, _differences())
                lines += safe_mode.held_lines()
            else:
                _end_email_principals()
                _mend_all(_differences(), lines)
                _delete_groups_of_nobody()
        except Exception as trouble:  # noqa: BLE001 whatever it is, the report says so
            error = str(trouble) or repr(trouble)
            log.warning("credentials.not_compared", error=repr(trouble))
        DriftReport.objects.filter(at__lt=Now() - KEPT).delete()
        return DriftReport.objects.create(lines=lines, error=error)


def _end_email_principals() -> None:
    """Ask that no address opens Kafka any more, where the operator has switched that off."""
    if config().babamul.email_principal:
        return
    alive = KafkaCredential.objects.exclude(state__in=("revoking", "revoked"))
    for row in alive.filter(kind="email"):
        with transaction.atomic():
            credentials.revoke(row)
            audit.record(
                "nightjar", "revoke", f"credential:{row.pk}", "babamul.email_principal is off"
            )


def compare(
    rows: Iterable[KafkaCredential],
    listing: Listing,
    known: Collection[str],
    revoked: Collection[str],
    seen: Collection[str],
) -> Iterator[Difference]:
    """Yield what differs.

    Parameters
    ----------
    rows : iterable of KafkaCredential
        Settled ones that did not change since Kafka was listed.
    listing : Listing
        What Kafka said.
    known : collection of str
        Principals of all rows that are not revoked.
    revoked : collection of str
        Principals of rows that were revoked of late; older ones are strangers.
    seen : collection of str
        Principals without a row that the last report named.
    """
    for row in rows:
        yield from _of_row(row, listing)
    for principal in sorted(listing.principals - set(known)):
        if not is_persons(principal) and principal not in revoked:
            continue
        says = listing.told(principal)
        if principal in revoked or principal in seen:
            ours = "revoked" if principal in revoked else NO_ROW
            revoke = partial(_revoke_unless_known, principal)
            yield Difference(principal, ours, says, "revoked", mend=revoke)
        else:
            yield Difference(principal, NO_ROW, says, SEEN_ONCE)


def is_persons(principal: str) -> bool:
    """Return whether a principal is of a kind that we make for people: all others are let be."""
    return not kafka_admin.is_protected(principal) and principals.is_persons(principal)


def _of_row(row: KafkaCredential, listing: Listing) -> Iterator[Difference]:
    principal, says = row.principal, listing.told(row.principal)
    has_secret, rights = principal in listing.secrets, listing.rights.get(principal, [])
    acls = principals.acls(principal, row.group_prefix, row.rights)
    wanted = kafka_admin.told(acls)
    if row.state == "active" and not has_secret:
        lose = partial(settlement.lose, row, settlement.LOST)
        yield Difference(principal, row.state, says, "its owner is asked to rotate", row, lose)
    elif row.state == "active" and rights != wanted:
        give = partial(kafka_admin.grant_rights, principal, acls)
        yield Difference(principal, row.state, says, "rights made right", row, give)
    elif row.state == "suspended" and rights:
        take = partial(kafka_admin.suspend, principal)
        yield Difference(principal, row.state, says, "rights taken", row, take)
    elif row.state == "needs_rotation" and (rights or has_secret):
        revoke = partial(kafka_admin.revoke, principal)
        yield Difference(principal, row.state, says, "revoked until it is rotated", row, revoke)


def _differences() -> list[Difference]:
    began = _now()
    listing = _listing()
    previous = DriftReport.objects.order_by("-at").first()
    rows = list(KafkaCredential.objects.exclude(state="revoked"))
    settled = [row for row in rows if row.state in SETTLED and _is_older(row, began)]
    was_empty = previous is not None and previous.error.startswith(NOTHING_LISTED)
    if not listing.secrets and any(row.state == "active" for row in settled) and not was_empty:
        raise DoubtfulListingError(f"{NOTHING_LISTED}; believed if it says so twice running")
    seen = {
        line["principal"] for line in (previous.lines if previous else ()) if line["ours"] == NO_ROW
    }
    gone = KafkaCredential.objects.filter(state="revoked", confirmed_at__gte=Now() - KEPT)
    revoked = set(gone.values_list("principal", flat=True))
    return list(compare(settled, listing, {row.principal for row in rows}, revoked, seen))


def _listing() -> Listing:
    """Ask Kafka, after proving that its answer will be whole."""
    kafka_admin.prove_right_to_list()
    listing = Listing(kafka_admin.listed_secrets(), kafka_admin.listed_rights())
    own = config().kafka.username
    if own not in listing.rights:
        raise DoubtfulListingError(
            f"Kafka lists no right of {own} itself; run: manage.py create_topics"
        )
    return listing


def _mend_all(found: Iterable[Difference], lines: list[dict[str, str]]) -> None:
    """Mend one difference after the other while there is time; add the line of each.

    Those that could not be mended the last time come last: they must not use up the time of all.
    """
    last = DriftReport.objects.order_by("-at").first()
    told = last.lines if last else ()
    failed = {line["principal"] for line in told if line["repair"].startswith(FAILED)}
    ends_at = time.monotonic() + MENDING_S
    for difference in sorted(found, key=lambda one: one.principal in failed)[:AT_ONCE]:
        if time.monotonic() >= ends_at:
            raise TimeoutError(f"{len(lines)} differences took {MENDING_S} s: the others come next")
        lines.append(_mended(difference))


def _line(difference: Difference) -> dict[str, str]:
    return {
        "principal": difference.principal,
        "ours": difference.ours,
        "kafka": difference.kafka,
        "repair": difference.repair,
    }


def _proposed(difference: Difference) -> dict[str, str]:
    """Return the line of a difference that is left as it is."""
    repair = "revoked" if difference.repair == SEEN_ONCE else difference.repair
    return _line(difference) | {"repair": f"{safe_mode.PROPOSED}{repair}"}


def _mended(difference: Difference) -> dict[str, str]:
    """Mend one difference; return its line of the report."""
    line = _line(difference)
    if difference.mend is None:
        return line
    if difference.row is not None and not _hold(difference.row):
        return line | {"repair": "none: it is being changed just now"}
    try:
        difference.mend()
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 one that cannot be mended keeps no other from it
        return line | {"repair": f"{FAILED}: {error}"}
    finally:
        if difference.row is not None:
            _release(difference.row)
    log.warning("credential.drifted", **{name: line[name] for name in ("ours", "kafka", "repair")})
    return line


def _hold(row: KafkaCredential) -> bool:
    """Take the lease of a row that is still as it was compared."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    same = KafkaCredential.objects.filter(
        free, pk=row.pk, generation=row.generation, state=row.state
    )
    if not same.update(lease_until=Now() + timedelta(seconds=LEASE_S)):
        return False
    row.refresh_from_db(fields=["lease_until"])
    return True


def _release(row: KafkaCredential) -> None:
    """Give the lease back; whatever was wished meanwhile is rung for."""
    if row.lease_until is None:
        return
    KafkaCredential.objects.filter(pk=row.pk, lease_until=row.lease_until).update(lease_until=None)
    for newer in settlement.due().filter(pk=row.pk):
        credentials.ring(newer)


def _revoke_unless_known(principal: str) -> None:
    """Revoke what has no row; asked again just before, for somebody may have signed up since."""
    if not KafkaCredential.objects.filter(principal=principal).exclude(state="revoked").exists():
        kafka_admin.revoke(principal)


def _delete_groups_of_nobody() -> None:
    """Delete the empty groups of named credentials that are gone."""
    listed = group_names("babamul-")
    living = set(
        KafkaCredential.objects.exclude(state="revoked").values_list("principal", flat=True)
    )
    dead = [name for name in listed if (found := NAMED.match(name)) and found[0] not in living]
    deleted = kafka_admin.delete_groups(dead)
    if deleted:
        log.info("groups.deleted", count=len(deleted))


def _is_older(row: KafkaCredential, moment: datetime) -> bool:
    return row.confirmed_at is None or row.confirmed_at < moment


def _now() -> datetime:
    """Return Postgres' time: rows are dated by it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone() or (None,)
    assert isinstance(now, datetime)  # noqa: S101 what now() is
    return now
