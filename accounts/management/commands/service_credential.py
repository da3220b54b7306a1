"""``manage.py service_credential``: a login that may do what a finished list of rights says."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import principals
from accounts.service_command import ServiceCommand, find, known
from broker.kafka_rights import Acl
from broker.migrate import require_migrated


class Command(ServiceCommand):
    """Make, change or take the login of a program; other commands say what it may do."""

    help = (
        "Give a program a login with the rights of a list. telescope_credential makes the list of"
        " a telescope's application; for readers of other topics: reader_credential."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name, the rights, and what shall be done."""
        parser.add_argument("principal", help="that it logs in as")
        parser.add_argument(
            "--rights",
            default="[]",
            metavar="JSON",
            help="[[topic or group, name, is it a prefix, [READ, WRITE, …]], …]",
        )
        self.add_acts(parser)

    def handle(self, *_: Any, principal: str, **asked: Any) -> None:
        """Do it, and wait until Kafka has confirmed.

        Raises
        ------
        CommandError
            If the name or a right is wrong, or Kafka does not confirm in time.
        """
        require_migrated()
        if asked["revoke"]:
            self.take(principal)
            return
        rights = _rights(principal, asked["rights"])
        row = find(principal)
        if row is not None and not asked["rotate"]:
            raise CommandError(
                f"{principal} is there: --rotate draws another password, --revoke ends it"
            )
        if row is None and asked["rotate"]:
            raise CommandError(f"there is no {principal}; there are: {known()}")
        self.give(principal, rights)


def _rights(principal: str, text: str) -> list[Acl]:
    try:
        rights = principals.acls(principal, f"{principal}-", json.loads(text))
    except (ValueError, TypeError) as error:
        raise CommandError(f"--rights: {error}") from None
    if not rights:
        raise CommandError("what may it do? Say --rights")
    return rights
