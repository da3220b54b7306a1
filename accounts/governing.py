"""What staff do to accounts: each act is one transaction with its reason in the audit trail.

What an act means for Kafka is a wish, see ``accounts.credentials``: its rows show when Kafka has
confirmed it.
"""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from accounts import audit, credentials, filters, people
from accounts.credentials import CredentialError
from accounts.models import AccessToken, BabamulUser, KafkaCredential
from accounts.principals import new_password
from broker.config import config

GIVEN_NAME = "from the operator"
GIVEN = "An operator made this credential: rotate it to have its password"
ROTATED = "An operator withdrew this password: rotate it to have a new one"


class GoverningError(Exception):
    """The account's state does not allow this act; the message says why."""


@transaction.atomic
def suspend(user: BabamulUser, actor: str, why: str) -> None:
    """End every login of an active account at once and let its credentials read nothing.

    Passwords, tokens and rows stay, so that ``restore`` gives everything back; live filters stop,
    and their owner starts them again.
    """
    row = _locked(user, "active")
    row.state = "suspended"
    row.save(update_fields=["state"])
    people.end_logins(row)
    credentials.suspend_all(row)
    filters.stop_all(row, actor, why)
    audit.record(actor, "suspend", f"account:{row.pk}", why)


@transaction.atomic
def restore(user: BabamulUser, actor: str, why: str) -> None:
    """Give a suspended account everything back but its browser sessions and JWTs."""
    row = _locked(user, "suspended")
    row.state = "active"
    row.save(update_fields=["state"])
    credentials.restore_all(row)
    audit.record(actor, "restore", f"account:{row.pk}", why)


def delete(user: BabamulUser, actor: str, why: str) -> None:
    """Begin to delete an account; it is made anonymous once Kafka has confirmed."""
    if user.state in {"deleting", "deleted"}:
        raise GoverningError(f"this account is {user.state}")
    people.delete(user, actor, why)


@transaction.atomic
def resend_activation(user: BabamulUser, actor: str, why: str) -> None:
    """Mail another activation code to an account that was never activated."""
    row = _locked(user, "inactive")
    people.sign_up(row.email)
    audit.record(actor, "resend activation", f"account:{row.pk}", why)


@transaction.atomic
def give_credential(user: BabamulUser, actor: str, why: str) -> None:
    """Make a named credential for an active account; its owner is mailed to draw the password."""
    row = _locked(user, "active")
    most = config().accounts.max_credentials
    if row.credentials.filter(kind="named").exclude(state="revoked").count() >= most:
        raise GoverningError(f"this account has {most} credentials already")
    # Nobody ever sees this first password; Kafka is not told it either.
    given = credentials.want(row, "named", GIVEN_NAME, new_password())
    credentials.demand_rotation(given, GIVEN)
    audit.record(actor, "give credential", f"account:{row.pk}", why)


@transaction.atomic
def rotate(credential: KafkaCredential, actor: str, why: str) -> None:
    """Withdraw the password of a credential; a person is mailed to draw another one."""
    demand = partial(credentials.demand_rotation, note=ROTATED)
    _change(demand, "rotate", credential, actor, why)


@transaction.atomic
def suspend_credential(credential: KafkaCredential, actor: str, why: str) -> None:
    """Let one credential read nothing; its account and its other credentials go on."""
    _change(credentials.suspend, "suspend", credential, actor, why)


@transaction.atomic
def restore_credential(credential: KafkaCredential, actor: str, why: str) -> None:
    """Give a suspended credential of an active account back what it had."""
    _change(credentials.restore, "restore", credential, actor, why)


@transaction.atomic
def grant_again(credential: KafkaCredential, actor: str, why: str) -> None:
    """Have a credential granted once more, without waiting for the next try or comparison."""
    _change(credentials.grant_again, "grant again", credential, actor, why)


@transaction.atomic
def revoke(credential: KafkaCredential, actor: str, why: str) -> None:
    """Take a credential away for good."""
    if credential.state in {"revoking", "revoked"}:
        raise GoverningError(f"this credential is {credential.get_state_display()}")
    credentials.revoke(credential)
    audit.record(actor, "revoke", f"credential:{credential.pk}", why)


@transaction.atomic
def delete_token(token: AccessToken, actor: str, why: str) -> None:
    """Delete a personal token; it opens nothing from now on."""
    audit.record(actor, "delete token", f"token:{token.pk}", why)
    token.delete()


def _change(
    wish: Callable[[KafkaCredential], KafkaCredential],
    action: str,
    credential: KafkaCredential,
    actor: str,
    why: str,
) -> None:
    try:
        row = wish(credential)
    except CredentialError as error:
        raise GoverningError(str(error)) from None
    audit.record(actor, action, f"credential:{row.pk}", why)


def _locked(user: BabamulUser, state: str) -> BabamulUser:
    row = BabamulUser.objects.select_for_update().get(pk=user.pk)
    if row.state != state:
        raise GoverningError(f"this account is {row.get_state_display()}")
    return row
