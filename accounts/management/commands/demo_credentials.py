"""Two credentials for the demo: an e-mail and a named one, both able to read babamul.* only."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.principals import Reader, email_reader, named_reader
from broker import kafka_admin
from broker.config import config, project_path

DEMO_EMAIL = "demo@nightjar.invalid"


class Command(BaseCommand):
    """Grant the demo's two readers; a second run keeps their passwords."""

    help = "Make the demo's two Kafka credentials and print them as JSON; they are kept in a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", help="where they are kept (default: demo.json in home)")

    def handle(self, **options: Any) -> str:
        settings = config()
        file = Path(options["file"] or project_path(settings.home) / "demo.json")
        readers = _kept(file) or [email_reader(DEMO_EMAIL, settings), named_reader()]
        _keep(file, readers)
        for reader in readers:
            kafka_admin.grant_reader(reader.username, reader.password, reader.group_prefix)
            if not kafka_admin.probe_login(
                reader.username, reader.password, settings.kafka.public_servers
            ):
                raise CommandError(
                    f"{reader.username} cannot log in at {settings.kafka.public_servers};"
                    " see: make doctor"
                )
        return json.dumps([vars(reader) for reader in readers])


def _kept(file: Path) -> list[Reader]:
    return [Reader(**values) for values in json.loads(file.read_text())] if file.exists() else []


def _keep(file: Path, readers: list[Reader]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps([vars(reader) for reader in readers]))
