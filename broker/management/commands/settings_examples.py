"""Write ``.env.example`` and ``nightjar.example.toml`` from the fields of ``broker.config``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import CommandError

from broker.command import ProjectCommand
from broker.config_examples import COMMAND, examples


class Command(ProjectCommand):
    """Write the example files, or check that they are as they would be written."""

    help = "Write .env.example, nightjar.example.toml and docs/settings.md from the fields."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")

    def handle(self, *args: Any, **options: Any) -> None:
        for path, text in examples().items():
            is_current = path.exists() and path.read_text() == text
            if options["check"] and not is_current:
                raise CommandError(f"{path.name} is stale; run: {COMMAND}")
            if not is_current:
                path.write_text(text)
                self.stdout.write(f"wrote {path.name}")
