"""Put a writer schema on the allow-list, and send the packets that came with it once more."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from broker.avro import CONTAINER_MAGIC, UnreadableError, container_schema
from broker.avro_schema import (
    SchemaError,
    WriterSchema,
    load_definition,
    plain_definition,
    writer_schema,
)
from broker.command import ProjectCommand
from broker.config import config, project_path
from broker.db import transaction
from broker.dead_letters import OfSchema
from broker.ranges import stops
from broker.ranges.brakes import SAMPLE_PACKETS, TOLERATED_SHARE
from pipeline.management import letters
from pipeline.surveys.allowed import ALLOWED_SCHEMAS, AllowList


class Command(ProjectCommand):
    """Allow the schema of an .avsc file, or of an Avro container such as one packet."""

    help = (
        "Allow a writer schema: its fingerprint and a note are appended to the allow-list; with "
        "--id it becomes the schema of that id in lsst.schema_dir. Running workers see it at once, "
        "and a stream that the breaker stopped because of it runs again. A second run changes "
        "nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="an .avsc file, or an Avro container")
        parser.add_argument("--note", default="", help="what it is; default: name and file")
        parser.add_argument("--id", type=int, dest="schema_id", help="its id in Confluent framing")
        parser.add_argument(
            "--retry", action="store_true", help="send the dead letters of this schema once more"
        )
        parser.add_argument(
            "--list", type=Path, default=ALLOWED_SCHEMAS, dest="allow_list", help="the TOML file"
        )

    def handle(self, **options: Any) -> None:
        file: Path = options["file"]
        schema = _schema(file)
        schema_id: int | None = options["schema_id"]
        if schema_id is not None:
            self.stdout.write(_name(schema, schema_id))
        else:
            self._allow(schema, options["note"] or f"{schema.name}, from {file.name}", options)
        of_schema = OfSchema(schema.fingerprint, schema_id)
        try:
            with transaction() as session:
                resumed = _resume(session, of_schema)
                waiting = of_schema.open_letters(session)
        except OperationalError:
            self.stderr.write(
                "Postgres does not answer. When it does, run this once more: it lets a stream go "
                "on that was stopped meanwhile, and finds the dead letters of this schema."
            )
            return
        for stream in resumed:
            self.stdout.write(f"{stream} runs again; this schema had stopped it.")
        if options["retry"]:
            letters.retry(waiting, letters.operator(), self.stdout)
        elif waiting:
            self.stdout.write(
                f"{len(waiting)} dead letters came with this schema; --retry sends them once more."
            )

    def _allow(self, schema: WriterSchema, note: str, options: dict[str, Any]) -> None:
        allowed = AllowList(options["allow_list"])
        if allowed.add(schema.fingerprint, note):
            self.stdout.write(f"Allowed {schema.name} {schema.fingerprint}: {note}")
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


def _name(schema: WriterSchema, schema_id: int) -> str:
    """Make a schema the one of an id; return what to tell."""
    if not config().lsst.schema_dir:
        raise CommandError("--id puts the schema into lsst.schema_dir: set that first")
    folder = project_path(config().lsst.schema_dir)
    target = folder / f"{schema_id}.avsc"
    if target.exists():
        if writer_schema(load_definition(target)).fingerprint != schema.fingerprint:
            raise CommandError(f"{target} is another schema; an id never changes its meaning")
        return f"{target} is this schema already"
    folder.mkdir(parents=True, exist_ok=True)
    new = target.with_suffix(".new")
    new.write_text(json.dumps(plain_definition(schema.parsed), indent=1) + "\n")
    new.replace(target)  # a worker that reads now sees no file or the whole one
    return f"{schema.name} is the schema of id {schema_id} now ({target}); workers ask each minute"


def _resume(session: Session, of_schema: OfSchema) -> list[str]:
    """Let the streams run again that the breaker stopped because of this schema."""
    blamed = [
        stream
        for stream in stops.stopped_by_breaker(session)
        if of_schema.share(session, stream, SAMPLE_PACKETS) > TOLERATED_SHARE
    ]
    for stream in blamed:
        stops.resume(session, stream)
    return blamed
