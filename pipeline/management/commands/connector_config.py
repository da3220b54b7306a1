"""``manage.py connector_config``: print what Kafka Connect is told to store telescopes' data."""

from typing import Any

from django.core.management.base import CommandError

from broker.command import ProjectCommand
from pipeline.telescope import connector
from pipeline.telescope.record import RecordError, telescopes


class Command(ProjectCommand):
    """Print the connector."""

    help = (
        "Print the connector that stores the data of every telescope with a record, for"
        " compose/connect/deploy-connector.sh."
    )

    def handle(self, **_: Any) -> None:
        try:
            self.stdout.write(connector.text(telescopes()), ending="")
        except RecordError as error:
            raise CommandError(str(error)) from error
