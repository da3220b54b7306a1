"""Put a writer schema on the allow-list of ZTF packets."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from broker.avro import CONTAINER_MAGIC, UnreadableError, container_schema
from broker.avro_schema import SchemaError, WriterSchema, load_definition, writer_schema
from pipeline.surveys.allowed import ALLOWED_SCHEMAS, AllowList


class Command(BaseCommand):
    """Allow the schema of an .avsc file, or of an Avro container such as one packet."""

    help = (
        "Allow a writer schema: its fingerprint and a note are appended to the allow-list. "
        "Running workers see it at once; a second run changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="an .avsc file, or an Avro container")
        parser.add_argument("--note", default="", help="what it is; default: name and file")
        parser.add_argument(
            "--list", type=Path, default=ALLOWED_SCHEMAS, dest="allow_list", help="the TOML file"
        )

    def handle(self, **options: Any) -> None:
        file: Path = options["file"]
        schema = _schema(file)
        note = options["note"] or f"{schema.name}, from {file.name}"
        allowed = AllowList(options["allow_list"])
        if allowed.add(schema.fingerprint, note):
            self.stdout.write(f"Allowed {schema.name} {schema.fingerprint}: {note}")
            self.stdout.write("If its stream was stopped meanwhile: manage.py resume STREAM")
        else:
            known = allowed.notes()[schema.fingerprint]
            self.stdout.write(f"{schema.name} {schema.fingerprint} is allowed already: {known}")


def _schema(file: Path) -> WriterSchema:
    try:
        with file.open("rb") as opened:
            is_container = opened.read(len(CONTAINER_MAGIC)) == CONTAINER_MAGIC
        if is_container:
            return container_schema(file.read_bytes())
        return writer_schema(load_definition(file))
    except (OSError, SchemaError, UnreadableError) as error:
        raise CommandError(f"{file}: {error}") from error
