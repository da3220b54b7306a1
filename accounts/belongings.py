"""What an account makes for itself: named Kafka credentials and personal tokens.

Each change first locks the account, so that no two requests count at the same time, and raises
``OvertakenError`` if a reset, a suspension or a deletion came before it: that must not miss it.
"""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts import audit, credentials, tokens
from accounts.models import AccessToken, BabamulUser, KafkaCredential
from accounts.principals import new_password
from accounts.sessions import hold_login
from accounts.tokens import as_uuid
from broker.config import config
from broker.refusals import field_error


def named_credentials(user: BabamulUser) -> list[KafkaCredential]:
    """Return the named credentials of an account that are not gone, the oldest first."""
    found = user.credentials.filter(kind="named").exclude(state="revoked")
    return list(found.order_by("created_at", "pk"))


def find_credential(user: BabamulUser, text: str) -> KafkaCredential | None:
    """Return one named credential of this account that is not gone, or None."""
    row = find_any_credential(user, text)
    return row if row is not None and row.kind == "named" and row.state != "revoked" else None


def find_any_credential(user: BabamulUser, text: str) -> KafkaCredential | None:
    """Return one credential of this account, whatever became of it; others' are none of theirs."""
    wanted = as_uuid(text)
    return user.credentials.filter(pk=wanted).first() if wanted else None


def new_credential(user: BabamulUser, name: str) -> tuple[KafkaCredential, str]:
    """Return a new named credential and, this once, its password.

    Raises
    ------
    ApiError
        400 if the account has as many as it may.
    """
    password = new_password()
    most = config().accounts.max_credentials
    with transaction.atomic():
        hold_login(user)
        # One that is being deleted counts: until Kafka has confirmed, it is still there.
        if user.credentials.filter(kind="named").exclude(state="revoked").count() >= most:
            raise field_error("name", f"you have {most} credentials already: delete one first")
        row = credentials.want(user, "named", name, password)
        audit.record(f"account:{user.pk}", "create", f"credential:{row.pk}")
    return row, password


def rotate_credential(user: BabamulUser, row: KafkaCredential) -> tuple[KafkaCredential, str]:
    """Return a credential that gets another password, and that password.

    Raises
    ------
    CredentialError
        If its state does not allow that.
    """
    password = new_password()
    with transaction.atomic():
        hold_login(user)
        row = credentials.rotate(row, password)
        audit.record(f"account:{user.pk}", "rotate", f"credential:{row.pk}")
    return row, password


def revoke_credential(user: BabamulUser, row: KafkaCredential) -> KafkaCredential:
    """Begin to take a credential away."""
    with transaction.atomic():
        hold_login(user)
        row = credentials.revoke(row)
        audit.record(f"account:{user.pk}", "revoke", f"credential:{row.pk}")
    return row


def new_token(user: BabamulUser, name: str, days: int) -> tuple[AccessToken, str]:
    """Return a new personal token's row and, this once, the token.

    Raises
    ------
    ApiError
        400 for a name that is taken, or if the account has as many as it may; expired ones count
        for neither.
    """
    most = config().accounts.max_tokens
    with transaction.atomic():
        hold_login(user)
        expired = user.tokens.filter(expires_at__lte=Now())
        expired.filter(name=name).delete()  # its name is free again
        if user.tokens.exclude(pk__in=expired).count() >= most:
            raise field_error("name", f"you have {most} tokens already: delete one first")
        try:
            with transaction.atomic():
                row, token = tokens.new_personal(user, name, days)
        except IntegrityError:
            raise field_error("name", "another token of yours has this name") from None
        audit.record(f"account:{user.pk}", "create", f"token:{row.pk}")
    return row, token


def delete_token(user: BabamulUser, text: str) -> bool:
    """Delete one token of this account; return whether there was one."""
    wanted = as_uuid(text)
    if wanted is None:
        return False
    with transaction.atomic():
        hold_login(user)
        if not user.tokens.filter(pk=wanted).delete()[0]:
            return False
        audit.record(f"account:{user.pk}", "delete", f"token:{wanted}")
    return True
