"""Write the Avro schemas of the telescope bus, compare them with their files, register them."""

import difflib
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import CommandError
from nightjar_telescope.messages import KINDS, Kind
from nightjar_telescope.schema import schema_file, schema_of

from broker.command import ProjectCommand
from broker.config import ROOT, config
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRefusedError, SchemaRegistry
from pipeline.telescope.record import telescopes
from pipeline.telescope.registration import (
    EvolutionError,
    SchemaIdError,
    raise_if_forbidden,
    register,
    subjects,
)

FOLDER = "avro-schemas"
COMMAND = "manage.py generate_schemas"


class Command(ProjectCommand):
    """Write four .avsc files, the same on every machine at any time."""

    help = (
        "Write the Avro schemas of the telescope bus from its messages. A change that applications"
        " in the field would not survive is refused by name, and nothing is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", nargs="?", type=Path, default=ROOT / FOLDER, help=f"default: {FOLDER}/"
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if one differs"
        )
        parser.add_argument(
            "--register",
            action="store_true",
            help="register them under the topics of every telescope, with compatibility BACKWARD",
        )

    def handle(self, **options: Any) -> None:
        folder: Path = options["folder"]
        stale = [kind for kind in KINDS if self._is_stale(folder, kind)]
        if options["check"] and stale:
            said = "\n".join(_difference(folder, kind) for kind in stale)
            raise CommandError(f"{said}\nrun: {COMMAND}")
        if stale:
            folder.mkdir(parents=True, exist_ok=True)
        for kind in stale:
            (folder / kind.file).write_text(schema_file(kind.message))
            self.stdout.write(f"wrote {folder / kind.file}")
        if options["register"]:
            self._register()

    def _is_stale(self, folder: Path, kind: Kind) -> bool:
        """Tell whether a file is not as it would be written; refuse to break the field."""
        path = folder / kind.file
        if not path.exists():
            return True
        text = path.read_text()
        if text == schema_file(kind.message):
            return False
        try:
            raise_if_forbidden(kind.file, json.loads(text), schema_of(kind.message))
        except ValueError as error:
            raise CommandError(f"{path} is not JSON: {error}; delete it") from error
        except EvolutionError as error:
            raise CommandError(str(error)) from error
        return True

    def _register(self) -> None:
        settings = config().registry
        registry = SchemaRegistry(settings.url, settings.timeout_s)
        try:
            found = register(registry, subjects(telescopes()))
        except (SchemaIdError, EvolutionError, SchemaRefusedError) as error:
            raise CommandError(str(error)) from error
        except TransientError as error:
            raise CommandError(
                f"{error}\nthe schema registry is to be at {settings.url}"
                " (registry.url); here: compose/native up registry"
            ) from error
        for each in found:
            self.stdout.write(f"{each.subject}: id {each.schema_id}, version {each.version}")


def _difference(folder: Path, kind: Kind) -> str:
    path = folder / kind.file
    if not path.exists():
        return f"{path} is missing"
    lines = difflib.unified_diff(
        path.read_text().splitlines(),
        schema_file(kind.message).splitlines(),
        kind.file,
        "from the messages",
        n=2,
        lineterm="",
    )
    return "\n".join(lines)
