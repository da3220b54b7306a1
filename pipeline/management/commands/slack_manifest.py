"""``manage.py slack_manifest``: print the manifest of the Slack app for this server."""

from typing import Any

from broker.command import ProjectCommand
from broker.config import config
from pipeline.clients.slack_manifest import manifest


class Command(ProjectCommand):
    """Print the manifest."""

    help = "Print the manifest of the Slack app; clicks go to web.public_url."

    def handle(self, **_: Any) -> None:
        self.stdout.write(manifest(config().web.public_url), ending="")
