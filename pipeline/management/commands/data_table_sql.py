"""``manage.py data_table_sql``: write the SQL of the telescopes' data table from its migration."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from broker.command import ProjectCommand
from pipeline.telescope import data_sql


class Command(ProjectCommand):
    """Write the script, or check that it is as it would be written."""

    help = "Write compose/sql/telescope_data_raw.sql from the migration that makes the table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")

    def handle(self, *, check: bool, **_: Any) -> None:
        path, text = data_sql.PATH, data_sql.sql()
        if path.exists() and path.read_text() == text:
            return
        if check:
            raise CommandError(f"{path.name} is stale; run: {data_sql.COMMAND}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.stdout.write(f"wrote {path.name}")
