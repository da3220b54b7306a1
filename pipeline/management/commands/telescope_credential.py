"""``manage.py telescope_credential``: the login of a telescope's application, or of a monitor."""

import json
import re
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from broker.command import ProjectCommand
from broker.kafka_rights import Acl
from broker.sections.telescope import MONITOR
from pipeline.telescope.record import RecordError, Telescope, telescope
from pipeline.telescope.rights import application_rights, monitor_rights

_MONITOR = re.compile(f"{MONITOR}[a-z0-9]+")


class Command(ProjectCommand):
    """Make, change or take the login of an application of a telescope."""

    help = (
        "Give an application of a telescope its login at our Kafka: it may read that telescope's"
        " commands and write what comes back, and nothing of any other. Its password is shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the telescope, the application, and what shall be done."""
        parser.add_argument("telescope", help="as in [telescopes.NAME]")
        parser.add_argument(
            "application", help=f"of its record, or {MONITOR}NAME: may read all its topics"
        )
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--rotate", action="store_true", help="draw another password")
        acts.add_argument("--revoke", action="store_true", help="end the login at once")

    def handle(self, *_: Any, **asked: Any) -> None:
        """Do it, and wait until Kafka has confirmed.

        Raises
        ------
        CommandError
            If there is no such telescope or application, or Kafka does not confirm in time.
        """
        try:
            found = telescope(asked["telescope"])
            rights = _rights(found, asked["application"])
        except RecordError as error:
            raise CommandError(str(error)) from None
        # Credentials are of another application, which knows no telescopes.
        call_command(
            "service_credential",
            found.principal(asked["application"]),
            rights=json.dumps(
                [[one.resource, one.name, one.is_prefix, one.operations] for one in rights]
            ),
            rotate=asked["rotate"],
            revoke=asked["revoke"],
            stdout=self.stdout,
            stderr=self.stderr,
        )


def _rights(found: Telescope, application: str) -> list[Acl]:
    if not application.startswith(MONITOR):
        return application_rights(found, application)
    if not _MONITOR.fullmatch(application):
        raise CommandError(f"{application!r} is no name of a monitor: {_MONITOR.pattern}")
    return monitor_rights(found, application)
