"""``manage.py safe_mode``: after a restore, see what the comparison with Kafka would do; let it."""

import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import safe_mode
from accounts.models import DriftReport
from accounts.settlement import UNSETTLED_ROWS
from broker.celery import doorbell
from broker.command import ProjectCommand
from broker.config import config

DRAIN_S = 2.0


class Command(ProjectCommand):
    """Show safe mode and its proposals, begin it, or end it."""

    help = (
        "After a restore, credentials are compared with Kafka and nothing is repaired. Show what is"
        " proposed; --end lets it be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what shall be done, and why."""
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--begin", action="store_true", help="as manage.py restore does")
        act.add_argument("--end", action="store_true", help="do what is proposed from now on")
        parser.add_argument("--why", default="", help="kept in the audit trail with your name")

    def handle(self, *_: Any, begin: bool, end: bool, why: str, **__: Any) -> None:
        """Do it.

        Raises
        ------
        CommandError
            If no reason is given, or it is not on.
        """
        if (begin or end) and not why.strip():
            raise CommandError("say why: --why TEXT is kept in the audit trail")
        if begin:
            safe_mode.begin(why, UNSETTLED_ROWS)
            self.stdout.write("Safe mode is on: nothing of Kafka's credentials is repaired.")
        elif end:
            try:
                safe_mode.end(f"shell:{getpass.getuser()}", why)
            except safe_mode.SafeModeError as error:
                raise CommandError(str(error)) from None
            doorbell.drain(DRAIN_S)
            self.stdout.write("Safe mode has ended; what was proposed is being done.")
        else:
            self._show()

    def _show(self) -> None:
        safe = safe_mode.current()
        if safe is None:
            self.stdout.write("Safe mode is off.")
            return
        self.stdout.write(f"Safe mode {safe}: {safe.why}")
        latest = DriftReport.objects.filter(at__gte=safe.began_at).order_by("-at").first()
        if latest is None:
            every_s = config().accounts.reconcile_s
            self.stdout.write(
                f"Nothing was compared yet; the worker of queue accounts does, each {every_s} s."
            )
            return
        self.stdout.write(f"Compared {latest.at:%Y-%m-%d %H:%M:%S} UTC. {latest.error}".rstrip())
        for line in latest.lines:
            self.stdout.write(
                f"  {line['principal']}: Postgres says {line['ours']}, Kafka says {line['kafka']};"
                f" {line['repair']}"
            )
        if not (latest.lines or latest.error):
            self.stdout.write("  nothing differs")
        self.stdout.write("Let it be done: manage.py safe_mode --end --why TEXT")
