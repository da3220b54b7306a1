"""``manage.py restore FOLDER``: make the database of a backup, and let every stream catch up."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from sqlalchemy.orm import Session

from broker.backup import dump, load
from broker.backup.errors import BackupError
from broker.backup.load import Target
from broker.backup.manifest import Manifest
from broker.command import ProjectCommand
from broker.config import config, project_path
from broker.errors import TransientError
from broker.host import this_host
from broker.kafka_positions import StillReadingError
from broker.migrate import conninfo, migration_engine
from pipeline.backup import catch_up
from pipeline.backup.catch_up import Course
from pipeline.backup.readings import Told, ask, readings


class Command(ProjectCommand):
    """Prove a backup, restore it beside the database in use, and put it in its place."""

    help = (
        "Restore a backup while none of our processes run. The database in use is kept under"
        " another name. Credentials are in safe mode afterwards (docs/backup.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="of the backup")
        parser.add_argument("--check", action="store_true", help="say what would be done, and end")
        parser.add_argument(
            "--replace", action="store_true", help="even though the database has tables"
        )
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="even though some stream's offsets are not known: what came there since the backup"
            " stays out of the tables",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_: Any, folder: Path, **options: Any) -> None:
        try:
            self._handle(folder, options)
        except (BackupError, StillReadingError, TransientError) as error:
            raise CommandError(str(error)) from None

    def _handle(self, folder: Path, options: dict[str, Any]) -> None:
        said, target = dump.verify(folder), Target.now(conninfo())
        load.require_fits(folder, said, target)
        all_courses = self._courses(said)
        self._tell(folder, said, target, all_courses)
        self._require_allowed(target, all_courses, options)
        if options["check"]:
            return
        if not (options["yes"] or _is_confirmed(target)):
            self.stdout.write("Nothing was done.")
            return
        load.load(folder, said, target, self.stdout.write)
        try:
            self._finish(said, target, all_courses)
        except BaseException:
            load.drop(target)
            raise

    def _finish(self, said: Manifest, target: Target, all_courses: list[Course]) -> None:
        engine = migration_engine(target.draft_dsn)
        with Session(engine) as session, session.begin():
            asked = catch_up.note(session, all_courses)
        why = f"the backup of {said.taken_at} was restored"
        self.stdout.write(load.manage(target.draft_dsn, "safe_mode", "--begin", "--why", why))
        catch_up.put_readers_back(all_courses)
        before = load.swap(target)
        if before:
            self.stdout.write(f"What was in use is kept as the database {before}; drop it later.")
        for replay in asked:
            self.stdout.write(f"What came since is replayed: manage.py replay --show {replay}")
        self.stdout.write("Restored. Start the processes, then: manage.py safe_mode")

    def _courses(self, said: Manifest) -> list[Course]:
        wanted = readings()
        then = {told.group: told for told in map(Told.from_json, said.readings)}
        return catch_up.courses(wanted, then, ask(wanted))

    def _tell(self, folder: Path, said: Manifest, target: Target, found: list[Course]) -> None:
        self.stdout.write(f"{folder}: {said.taken_at}, {sum(said.rows.values())} rows")
        self.stdout.write(f"into the database {target.name}")
        for each in found:
            self.stdout.write(f"  {each}")
        root = project_path(config().archive.path)
        states = load.compare_archive(folder, root, this_host(config()))
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        self.stdout.write(f"  archive segments: {told}")

    def _require_allowed(
        self, target: Target, found: list[Course], options: dict[str, Any]
    ) -> None:
        """Refuse what would destroy something, unless it was asked for."""
        if users := target.users():
            raise BackupError(f"{target.name} is in use by {', '.join(users)}: stop them first")
        if not (options["replace"] or target.is_empty()):
            raise BackupError(f"{target.name} has tables: --replace puts the backup in its place")
        if (unknown := [str(each) for each in found if each.error]) and not options["accept_loss"]:
            raise BackupError(f"{'; '.join(unknown)}: mend that, or --accept-loss")


def _is_confirmed(target: Target) -> bool:
    if not sys.stdin.isatty():
        raise CommandError("nobody can answer here; give --yes, or --check to look only")
    wanted = target.name
    return input(f"Type the name of the database to go on ({wanted}): ").strip() == wanted
