"""Users' filters: what an account may make, start and stop; lent as ``broker.filter_book``.

Each change first locks the account, so that no two requests count at the same time; to start one
also takes the lock of all filters, as there is a limit over all accounts. What it means for Kafka
is a wish in the row, which ``accounts.filter_topics`` brings about.
"""

import re
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts import audit
from accounts.filter_models import UserFilter as Row
from accounts.filter_models import UserFilterVersion
from accounts.filter_tasks import ring
from accounts.models import BabamulUser
from accounts.sessions import hold_login
from broker.config import config
from broker.filter_book import DIGESTS, NAME_PATTERN, RESERVED, FilterVersion, UserFilter
from broker.refusals import ApiError, field_error

SHOWN = 200
MAX_DESCRIPTION = 2000
_LOCK = 0x66696C74
"""Of everybody who starts a filter, among Postgres' advisory locks."""
_NAME = re.compile(NAME_PATTERN)


def own(account: BabamulUser) -> list[UserFilter]:
    """Return an account's filters that are not deleted, the newest first."""
    return _as_records(_known().filter(owner=account).order_by("-id"))


def shared(search: str, survey: str) -> list[UserFilter]:
    """Return public filters of active accounts, the newest first; empty words find all."""
    found = _known().filter(is_public=True, owner__state="active").order_by("-id")
    if survey:
        found = found.filter(survey=survey)
    for word in search.split()[:5]:
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word))
    return _as_records(found[:SHOWN])


def find(account: BabamulUser | None, name: str) -> UserFilter | None:
    """Return a filter that is public or the account's own, and not deleted."""
    is_seen = Q(is_public=True, owner__state="active")
    if account is not None:
        is_seen |= Q(owner=account)
    found = _as_records(_known().filter(is_seen, name=name))
    return found[0] if found else None


def create(
    account: BabamulUser,
    name: str,
    survey: str,
    expression: str,
    description: str,
    *,
    is_public: bool,
) -> UserFilter:
    """Make a filter with its version 1; its name is nobody else's, ever.

    Raises
    ------
    ApiError
        400 for a name that is taken or cannot be one, or if the account has as many as it may.
    """
    if not _NAME.fullmatch(name):
        rule = "3 to 40 of a-z, 0-9 and -, a letter first: it becomes part of a topic's name"
        raise field_error("name", rule)
    if name in RESERVED:
        raise field_error("name", "is the name of a page; choose another one")
    most = config().user_filters.per_account
    with transaction.atomic():
        hold_login(account)
        if _known().filter(owner=account).count() >= most:
            raise field_error("name", f"you have {most} filters already: delete one first")
        try:
            with transaction.atomic():
                row = Row.objects.create(
                    owner=account,
                    name=name,
                    survey=survey,
                    description=_description(description),
                    is_public=is_public,
                )
        except IntegrityError:
            rule = "is taken; a name is never used twice, not even of a filter that was deleted"
            raise field_error("name", rule) from None
        UserFilterVersion.objects.create(filter=row, number=1, expression=expression)
        _note(account, "create", row)
    return _one(row.pk)


def add_version(account: BabamulUser, name: str, expression: str) -> UserFilter:
    """Add a version; what is live stays so until it is started anew.

    The same expression as the newest one's is no new version.
    """
    with transaction.atomic():
        row = _held(account, name)
        newest = row.versions.order_by("-number").first()
        if newest is not None and newest.expression != expression:
            number = newest.number + 1
            UserFilterVersion.objects.create(filter=row, number=number, expression=expression)
            _touch(row)
            _note(account, "add version", row, f"version {number}")
    return _one(row.pk)


def describe(
    account: BabamulUser, name: str, description: str, digest: str, *, is_public: bool
) -> UserFilter:
    """Change what is said of a filter, who sees it, and how its owner is told of nights."""
    if digest not in DIGESTS:
        raise field_error("digest", f"must be one of {', '.join(DIGESTS)}")
    if digest in ("slack", "both") and not config().user_filters.slack_channel:
        raise field_error("digest", "there is no Slack channel for it here; mail is possible")
    with transaction.atomic():
        row = _held(account, name)
        row.description, row.digest, row.is_public = _description(description), digest, is_public
        _touch(row, "description", "digest", "is_public")
        _note(account, "describe", row, "public" if is_public else "private")
    return _one(row.pk)


def start(account: BabamulUser, name: str, number: int) -> UserFilter:
    """Want a version live; its topic is made if it is not there.

    Raises
    ------
    ApiError
        404 for a filter that is not the account's, 400 for a version that does not exist, 409 if
        as many are live as may be.
    """
    limits = config().user_filters
    with transaction.atomic():
        row = _held(account, name)
        if not row.versions.filter(number=number).exists():
            raise field_error("version", f"this filter has no version {number}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        live = Row.objects.filter(wish="live").exclude(pk=row.pk)
        if live.filter(owner=account).count() >= limits.live_per_account:
            most = limits.live_per_account
            raise ApiError(409, f"you have {most} live filters, which is all: stop one first")
        if live.count() >= limits.live:
            raise ApiError(
                409, f"all {limits.live} places for live filters are taken; try again later"
            )
        row.wish, row.live_number, row.started_at = "live", number, Now()
        row.topic_state = "there" if row.topic_state == "there" else "wanted"
        _touch(row, "wish", "live_number", "started_at", "topic_state")
        _note(account, "start", row, f"version {number}")
        transaction.on_commit(ring)
    return _one(row.pk)


def stop(account: BabamulUser, name: str) -> UserFilter:
    """Want it live no more; its topic stays."""
    with transaction.atomic():
        row = _held(account, name)
        _stop(row, f"account:{account.pk}")
    return _one(row.pk)


def delete(account: BabamulUser, name: str) -> None:
    """Want it and its topic gone; its name stays taken."""
    with transaction.atomic():
        _delete(_held(account, name), f"account:{account.pk}")


def by_id(filter_ids: list[int]) -> dict[int, UserFilter]:
    """Return filters whatever became of them, for work that is nobody's request."""
    found = _as_records(_with_all(Row.objects.filter(pk__in=filter_ids)))
    return {one.id: one for one in found}


def address(filter_id: int) -> str | None:
    """Return the mail address of an active owner."""
    owners = BabamulUser.objects.filter(filters=filter_id, state="active")
    return owners.values_list("email", flat=True).first()


def stop_by_staff(row: Row, actor: str, why: str) -> None:
    """Stop a filter for a reason that stands in the audit trail."""
    with transaction.atomic():
        _stop(Row.objects.select_for_update().get(pk=row.pk), actor, why)


def delete_by_staff(row: Row, actor: str, why: str) -> None:
    """Delete a filter and its topic for a reason that stands in the audit trail."""
    with transaction.atomic():
        _delete(Row.objects.select_for_update().get(pk=row.pk), actor, why)


def stop_all(user: BabamulUser, actor: str, why: str) -> None:
    """Stop the live filters of an account that was suspended, in the caller's transaction."""
    for row in Row.objects.select_for_update().filter(owner=user, wish="live"):
        _stop(row, actor, why)


def delete_all(user: BabamulUser, actor: str, why: str) -> None:
    """Delete the filters of an account that is being deleted, in the caller's transaction."""
    for row in Row.objects.select_for_update().filter(owner=user).exclude(wish="deleted"):
        _delete(row, actor, why)


def _known() -> QuerySet[Row]:
    return _with_all(Row.objects.exclude(wish="deleted"))


def _with_all(rows: QuerySet[Row]) -> QuerySet[Row]:
    return rows.select_related("owner").prefetch_related("versions")


def _held(account: BabamulUser, name: str) -> Row:
    """Return an account's own filter, locked."""
    hold_login(account)
    own_rows = Row.objects.select_for_update().filter(owner=account, name=name)
    row = own_rows.exclude(wish="deleted").first()
    if row is None:
        raise ApiError(404, "you have no filter of this name")
    return row


def _stop(row: Row, actor: str, why: str = "") -> None:
    if row.wish != "live":
        return
    row.wish = "stopped"
    _touch(row, "wish")
    audit.record(actor, "stop", _target(row), why)


def _delete(row: Row, actor: str, why: str = "") -> None:
    if row.wish == "deleted":
        return
    row.wish = "deleted"
    row.topic_state = "gone" if row.topic_state == "none" else "removing"
    row.description = ""
    _touch(row, "wish", "topic_state", "description")
    row.versions.all().delete()
    audit.record(actor, "delete", _target(row), why)
    transaction.on_commit(ring)


def _touch(row: Row, *fields: str) -> None:
    row.changed_at = Now()
    row.save(update_fields=[*fields, "changed_at"])


def _note(account: BabamulUser, action: str, row: Row, why: str = "") -> None:
    audit.record(f"account:{account.pk}", action, _target(row), why)


def _target(row: Row) -> str:
    return f"filter:{row.pk}"


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise field_error("description", f"at most {MAX_DESCRIPTION} characters")
    return text.strip()


def _one(pk: int) -> UserFilter:
    return _as_records(_with_all(Row.objects.filter(pk=pk)))[0]


def _as_records(rows: Any) -> list[UserFilter]:
    return [_as_record(row) for row in rows]


def _as_record(row: Row) -> UserFilter:
    versions = sorted(row.versions.all(), key=lambda one: -one.number)
    return UserFilter(
        id=row.pk,
        name=row.name,
        survey=row.survey,
        description=row.description,
        owner_id=str(row.owner_id or ""),
        owner_name=row.owner.username if row.owner else "",
        is_public=row.is_public,
        wish=row.wish,
        live_number=row.live_number,
        started_at=row.started_at,
        topic_state=row.topic_state,
        topic_error=row.topic_error,
        digest=row.digest,
        created_at=row.created_at,
        versions=tuple(FilterVersion(v.number, v.expression, v.created_at) for v in versions),
    )
