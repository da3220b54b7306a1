"""The life of an account: sign up, activate, log in, forget the password, leave.

Each function is one unit of work in a transaction of its own. Whoever asks from outside learns
nothing about whether an address has an account: that is kept here, not in the views.
"""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts import audit, codes, credentials, filters, mail, passwords
from accounts.addresses import display_name
from accounts.credentials import CredentialError
from accounts.models import BabamulUser, KafkaCredential
from accounts.principals import new_password
from broker.config import config

FIRST_CREDENTIAL = "first"
EMAIL_CREDENTIAL = "account"


@dataclass(frozen=True)
class Activation:
    """What an activation gave.

    Attributes
    ----------
    user : BabamulUser
        Whose account is active now.
    password : str or None
        Of the account and its e-mail principal; None when the code was used before.
    email_credential : KafkaCredential or None
        The principal with the address as name; None if it is gone since, and without
        ``babamul.email_principal``.
    credential : KafkaCredential or None
        The first named one.
    credential_password : str or None
        Its password.
    """

    user: BabamulUser
    password: str | None = None
    email_credential: KafkaCredential | None = None
    credential: KafkaCredential | None = None
    credential_password: str | None = None

    @property
    def rows(self) -> list[KafkaCredential]:
        """What opens Kafka; without e-mail principals the named credential alone."""
        return [row for row in (self.email_credential, self.credential) if row is not None]


class CooldownError(Exception):
    """The password was changed a moment ago; ``wait_s`` says how long to wait [s]."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"changed a moment ago; wait {wait_s:.0f} s")
        self.wait_s = wait_s


def sign_up(email: str) -> None:
    """Mail an activation code to a new or inactive address; tell an active one that it is known.

    Whoever it is, both mails are written and what is not meant is taken back, and one bell is rung:
    the time of the answer does not tell who has an account.

    Parameters
    ----------
    email : str
        In the form that ``addresses.kept_form`` returns.
    """
    with transaction.atomic():
        user = _account_for(email)
        with transaction.atomic():
            code = codes.issue(user, "activation")
            context = {"code": code, "link": _link("activate", email, activation_code=code)}
            mail.post(email, "activation", context, config().accounts.activation_ttl_s)
            transaction.set_rollback(user.state != "inactive")
        with transaction.atomic():
            mail.post(email, "known", {"public_url": config().web.public_url})
            transaction.set_rollback(user.state != "active")
        if user.state not in {"inactive", "active"}:
            transaction.on_commit(lambda: mail.ring(mail.NO_MAIL))


def activate(email: str, code: str, asker: str) -> Activation | None:
    """Return what a right code gives, once; None for a wrong code and for an unknown address.

    The password and both credentials are made in the same transaction in which the code is used up,
    so of many requests at once one gets them and the others get an activation without. ``asker`` is
    whose wrong tries are counted.
    """
    with transaction.atomic():
        known = BabamulUser.objects.select_for_update().filter(email=email)
        user = known.filter(state__in=("inactive", "active")).first()
        if user is None:
            _write_nothing(email)
            return None
        outcome = codes.redeem(user, "activation", code, asker)
        if outcome is codes.Outcome.WRONG:
            return None
        if outcome is codes.Outcome.USED:
            return _activated_before(user)
        return _activate(user)


def log_in(email: str, password: str) -> BabamulUser | None:
    """Return the active account that address and password name; as slow for anybody unknown."""
    user = BabamulUser.objects.filter(email=email).first()
    is_right = passwords.matches(password, user.password if user else None)
    return user if user is not None and is_right and user.is_active else None


def forget_password(email: str) -> None:
    """Mail a code for a new password to an active account whose last change is long enough ago.

    For anybody else the same is done and then undone within the transaction, which commits, and a
    bell is rung for no mail: the time of the answer does not tell who has an account.
    """
    with transaction.atomic():
        known = BabamulUser.objects.select_for_update().filter(email=email, state="active").first()
        user = known or BabamulUser(email=email)
        is_due = not _cooldown_s(user) and known is not None
        with transaction.atomic():
            code = codes.issue(user, "reset")
            context = {"code": code, "link": _link("reset", email, token=code), **_principal()}
            mail.post(email, "reset", context, config().accounts.reset_ttl_s)
            transaction.set_rollback(not is_due)
        if not is_due:
            transaction.on_commit(lambda: mail.ring(mail.NO_MAIL))


def reset_password(
    email: str, code: str, password: str, asker: str, *, revoke_all: bool = False
) -> bool:
    """Set a new password with a mailed code; return False for a wrong code or address.

    JWTs and browser sessions end and the e-mail principal gets the new password. Personal tokens
    and named credentials stay unless ``revoke_all``. ``asker`` is whose wrong tries are counted.

    Raises
    ------
    CooldownError
        If the code is right but the last change is too fresh; the code stays good.
    """
    with transaction.atomic():
        user = BabamulUser.objects.select_for_update().filter(email=email, state="active").first()
        if user is None:
            _write_nothing(email)
            return False
        if codes.redeem(user, "reset", code, asker) is not codes.Outcome.RIGHT:
            return False
        if wait_s := _cooldown_s(user):
            raise CooldownError(wait_s)  # the code's use is rolled back with everything else
        _change_password(user, password, revoke_all=revoke_all)
        return True


def end_logins(user: BabamulUser) -> None:
    """End every JWT and browser session of an account, in the caller's transaction."""
    BabamulUser.objects.filter(pk=user.pk).update(generation=F("generation") + 1)
    user.sessions.all().delete()


def delete(user: BabamulUser, actor: str, why: str = "") -> None:
    """Begin to delete an account: nothing of it opens anything from now on.

    Once Kafka has confirmed that its credentials are gone, the row loses the address.
    """
    with transaction.atomic():
        row = BabamulUser.objects.select_for_update().get(pk=user.pk)
        if row.state in {"deleting", "deleted"}:
            return
        row.state = "deleting"
        row.password = passwords.UNUSABLE
        row.save(update_fields=["state", "password"])
        end_logins(row)
        row.tokens.all().delete()
        row.codes.all().delete()
        credentials.revoke_all(row)
        filters.delete_all(row, actor, why)
        audit.record(actor, "delete", f"account:{row.pk}", why)


def _write_nothing(email: str) -> None:
    """Write a code and take it back: the commit for an unknown address costs what others' do."""
    with transaction.atomic():
        codes.issue(BabamulUser(email=email), "reset")
        transaction.set_rollback(True)


def _account_for(email: str) -> BabamulUser:
    """Return the row of an address, made if need be, locked; the same statements for everybody.

    A row that ``expiry`` forgets between the two is made again.
    """
    while True:
        new = BabamulUser(email=email, username=display_name(email), password=passwords.UNUSABLE)
        BabamulUser.objects.bulk_create([new], ignore_conflicts=True)
        user = BabamulUser.objects.select_for_update().filter(email=email).first()
        if user is not None:
            return user


def _activate(user: BabamulUser) -> Activation:
    password, named_password = new_password(), new_password()
    user.state = "active"
    user.password = passwords.hashed(password)
    user.activated_at = Now()
    user.save(update_fields=["state", "password", "activated_at"])
    audit.record(f"account:{user.pk}", "activate", f"account:{user.pk}")
    has_principal = config().babamul.email_principal
    return Activation(
        user,
        password,
        credentials.want(user, "email", EMAIL_CREDENTIAL, password) if has_principal else None,
        credentials.want(user, "named", FIRST_CREDENTIAL, named_password),
        named_password,
    )


def _activated_before(user: BabamulUser) -> Activation:
    alive = user.credentials.exclude(state__in=("revoking", "revoked"))
    return Activation(user, email_credential=alive.filter(kind="email").first())


def _change_password(user: BabamulUser, password: str, *, revoke_all: bool) -> None:
    user.password = passwords.hashed(password)
    user.password_changed_at = Now()
    user.save(update_fields=["password", "password_changed_at"])
    end_logins(user)
    user.codes.filter(used_at=None, voided_at=None).update(voided_at=Now())
    if revoke_all:
        user.tokens.all().delete()
        for credential in user.credentials.filter(kind="named").exclude(state="revoked"):
            credentials.revoke(credential)
    if config().babamul.email_principal:
        with suppress(CredentialError):  # staff suspended the account: it gets nothing
            credentials.want(user, "email", EMAIL_CREDENTIAL, password)
    audit.record(f"account:{user.pk}", "reset password", f"account:{user.pk}")
    context = {"public_url": config().web.public_url, "revoke_all": revoke_all, **_principal()}
    mail.post(user.email, "changed", context)


def _cooldown_s(user: BabamulUser) -> float:
    """Return how long the password must stay as it is [s]; judged by Postgres' clock."""
    changed = BabamulUser.objects.filter(pk=user.pk).exclude(password_changed_at=None)
    aged = changed.annotate(age=Now() - F("password_changed_at"))
    age = aged.values_list("age", flat=True).first()
    if age is None:
        return 0
    return max(0.0, config().accounts.reset_cooldown_s - float(age.total_seconds()))


def _principal() -> dict[str, bool]:
    """Return what a mail has to know of what the password opens."""
    return {"opens_kafka": config().babamul.email_principal}


def _link(page: str, email: str, **code: str) -> str:
    return f"{config().web.public_url}/{page}?{urlencode({'email': email, **code})}"
