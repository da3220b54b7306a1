"""Logins of programs, given and taken by a command: who may do what is said by its caller."""

from collections.abc import Sequence

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts import audit, credentials, settlement
from accounts.models import KafkaCredential
from accounts.principals import new_password
from broker.command import ProjectCommand
from broker.config import config
from broker.kafka_rights import Acl

SETTLED_WITHIN_S = 60.0


class ServiceCommand(ProjectCommand):
    """A command that gives, changes or ends logins of programs."""

    def add_acts(self, parser: CommandParser) -> None:
        """Take what shall be done with a login that is there."""
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--rotate", action="store_true", help="draw another password")
        acts.add_argument("--revoke", action="store_true", help="end the login at once")

    def give(self, principal: str, rights: Sequence[Acl]) -> None:
        """Let a principal do what ``rights`` say and no more; show its new password, once.

        Raises
        ------
        CommandError
            If the name is taken, or Kafka does not confirm in time.
        """
        password = new_password()
        topics = topics_of(rights)
        with transaction.atomic():
            row = _wanted(principal, rights, password)
            audit.record("command", "grant", f"credential:{row.pk}", " ".join(topics))
        _settle(row, "active")
        public = config().kafka
        self.stdout.write(
            f"bootstrap.servers={public.public_servers}\n"
            f"security.protocol={public.public_protocol}\n"
            "sasl.mechanism=SCRAM-SHA-512\n"
            f"sasl.username={principal}\n"
            f"sasl.password={password}\n"
            f"group.id={principal}-1"
        )
        written = topics_of(rights, "WRITE")
        writes = f" and write {', '.join(written)}" if written else ""
        self.stderr.write(
            f"{principal} may read {', '.join(topics_of(rights, 'READ'))}{writes}, in consumer"
            f" groups that begin with {principal}-. The password is kept nowhere else."
        )

    def take(self, principal: str) -> None:
        """End the login of a principal.

        Raises
        ------
        CommandError
            If there is none, or Kafka does not confirm in time.
        """
        row = find(principal)
        if row is None:
            raise CommandError(f"there is no {principal}; there are: {known()}")
        with transaction.atomic():
            row = credentials.revoke(row)
            audit.record("command", "revoke", f"credential:{row.pk}")
        _settle(row, "revoked")
        self.stderr.write(
            f"{principal} is gone; whoever reads with it is stopped by its next fetch"
        )


def find(principal: str) -> KafkaCredential | None:
    """Return the login of a principal, or None."""
    return KafkaCredential.objects.filter(principal=principal).exclude(state="revoked").first()


def known() -> str:
    """Return the names of all programs that have a login, for people."""
    rows = KafkaCredential.objects.filter(kind="service").exclude(state="revoked")
    return ", ".join(rows.order_by("principal").values_list("principal", flat=True)) or "none"


def topics_of(rights: Sequence[Acl], operation: str | None = None) -> list[str]:
    """Return the topics of rights, of those that allow ``operation`` if one is given."""
    return [
        right.name
        for right in rights
        if right.resource == "topic" and operation in (None, *right.operations)
    ]


def _wanted(principal: str, rights: Sequence[Acl], password: str) -> KafkaCredential:
    try:
        return credentials.want_service(principal, f"{principal}-", rights, password)
    except credentials.CredentialError as error:
        raise CommandError(f"{principal}: {error}") from error


def _settle(row: KafkaCredential, state: str) -> None:
    try:
        settlement.settle_here(row, state, SETTLED_WITHIN_S)
    except TimeoutError as error:
        raise CommandError(
            f"{error}; the worker of the queue accounts goes on with it, --rotate begins anew"
        ) from error
