"""``manage.py backup``: copy the database, with what a restore needs to know, into a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from broker.backup import dump
from broker.backup.errors import BackupError
from broker.command import ProjectCommand
from broker.config import config, project_path
from broker.migrate import conninfo, require_migrated
from pipeline.backup.readings import ask, readings


class Command(ProjectCommand):
    """Make a backup, list those that are there, or prove that one is whole."""

    help = (
        "Copy the database in one snapshot, with the list of archive segments, how far each"
        " consumer group has read, sizes and checksums. Keys and passwords are never in it"
        " (docs/backup.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", metavar="FOLDER", help="of all backups (backup.path)")
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--verify", metavar="FOLDER", help="read a backup whole, and end")
        other.add_argument("--list", action="store_true", help="show the backups, and end")

    def handle(self, *_: Any, to: str | None, verify: str | None, list: bool, **__: Any) -> None:  # noqa: A002 the option's name
        root = Path(to) if to else project_path(config().backup.path)
        try:
            if verify:
                said = dump.verify(Path(verify))
                self.stdout.write(
                    f"whole: {said.taken_at}, {sum(said.rows.values())} rows,"
                    f" PostgreSQL {said.server_major}, commit {said.commit or 'unknown'}"
                )
            elif list:
                found = [str(folder) for folder in dump.backups(root)]
                self.stdout.write("\n".join(found) or f"no backups in {root}")
            else:
                self._backup(root)
        except BackupError as error:
            raise CommandError(str(error)) from None

    def _backup(self, root: Path) -> None:
        require_migrated()
        told = ask(readings())  # before the rows are read: they then know at least as much
        for each in told:
            if each.error:
                self.stderr.write(
                    f"warning: how far {each.stream} has read is not known ({each.error}); after a"
                    " restore what came since would have to be fetched by hand"
                )
        said = [each.as_json() for each in told]
        folder = dump.backup(conninfo(), root, said, self.stdout.write)
        dump.verify(folder)
        self.stdout.write(f"whole: {folder}")
        for old in dump.forget_old(root, config().backup.keep):
            self.stdout.write(f"deleted, older than the newest {config().backup.keep}: {old}")
