"""``manage.py partition_alerts``: part a large ``alerts`` of before; move what lies in none."""

from argparse import ArgumentParser
from typing import Any

from sqlalchemy import text

from broker.command import ProjectCommand
from broker.db import cursor, transaction
from pipeline.alerts import partitions
from pipeline.alerts.partition_tasks import make_missing

HOURS_S = 24 * 3600
UNLIMITED = 2**62


class Command(ProjectCommand):
    """Part ``alerts`` by range of (survey, candid)."""

    help = (
        "Part the table alerts by range of (survey, candid). As much disk again is needed, and "
        "ingest waits; nothing is lost, and it is safe to break off. Times: docs/scaling.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="say what there is only")

    def handle(self, *, check: bool, **_: Any) -> None:
        with transaction(statement_timeout_s=HOURS_S) as session:
            cur = cursor(session)
            is_whole = not partitions.is_parted(cur)
            if is_whole and not check:
                session.execute(text("SET LOCAL lock_timeout = '60s'"))
                self.stdout.write(f"{partitions.part(cur)} alerts parted")
        if check:
            self._tell(is_whole=is_whole)
            return
        for name in make_missing(UNLIMITED):
            self.stdout.write(f"made {name}")
        self._tell(is_whole=False)

    def _tell(self, *, is_whole: bool) -> None:
        if is_whole:
            self.stdout.write("alerts is one table")
            return
        with transaction(statement_timeout_s=HOURS_S) as session:
            present = partitions.existing(cursor(session))
            astray = session.scalar(text("SELECT count(*) FROM partitions.alerts_rest"))
        for each in present:
            self.stdout.write(f"{each.name}: candid {each.first} to {each.end - 1}")
        self.stdout.write(f"{astray} alerts lie in none of them")
