"""What the demo logs in with: two Kafka readers and one member of staff."""

import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.principals import Reader, email_reader, named_reader, new_password
from broker import kafka_admin
from broker.config import config, project_path

DEMO_EMAIL = "demo@nightjar.invalid"
DEMO_STAFF = "admin"


class Command(BaseCommand):
    """Grant the demo's readers and make its administrator; a second run keeps the passwords."""

    help = (
        "Make the demo's two Kafka credentials, which read babamul.* only, and an administrator; "
        "print them as JSON. They are kept in a file that only its owner reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", help="where they are kept (default: demo.json in home)")

    def handle(self, **options: Any) -> str:
        settings = config()
        file = Path(options["file"] or project_path(settings.home) / "demo.json")
        kept = json.loads(file.read_text()) if file.exists() else {}
        readers = [Reader(**values) for values in kept.get("readers", ())] or [
            email_reader(DEMO_EMAIL, settings),
            named_reader(),
        ]
        password = kept.get("staff_password") or new_password()
        made = {
            "readers": [vars(reader) for reader in readers],
            "staff": DEMO_STAFF,
            "staff_password": password,
        }
        _keep(file, made)
        for reader in readers:
            _grant(reader, settings.kafka.public_servers)
        _make_staff(password)
        return json.dumps(made)


def _grant(reader: Reader, servers: str) -> None:
    """Grant one reader; done means that the broker has let it in."""
    kafka_admin.grant_reader(reader.username, reader.password, reader.group_prefix)
    if not kafka_admin.probe_login(reader.username, reader.password, servers):
        raise CommandError(f"{reader.username} cannot log in at {servers}; see: make doctor")


def _make_staff(password: str) -> None:
    user, _ = User.objects.get_or_create(
        username=DEMO_STAFF, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()


def _keep(file: Path, made: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(made))
