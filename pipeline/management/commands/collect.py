"""``manage.py collect NAME``: read a source of selected alerts once, and write its files."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from broker import logs
from broker.command import ProjectCommand
from broker.kafka import Fenced, LoginRefusedError
from broker.migrate import require_migrated
from broker.stop import Stop
from pipeline.selected import sources
from pipeline.selected.collect import Collected, CollectError, Limits, collect


class Command(ProjectCommand):
    """Collect what is new, for cron and timers."""

    help = (
        "Read a source of selected alerts from where the last run stood to the end that it has now;"
        " write its table and cutouts. Ends with 1 when it stops short of that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", choices=sources.names())
        parser.add_argument("--workers", type=int, help="cutouts written at once")
        parser.add_argument("--duration", type=float, metavar="S", help="stop after so long [s]")
        parser.add_argument("--max-messages", type=int, metavar="N", help="stop after so many")

    def handle(self, *, source: str, **options: Any) -> None:
        logs.configure()
        require_migrated()
        stop = Stop()
        limits = Limits(options["duration"], options["max_messages"])
        try:
            found = collect(
                source,
                limits=limits,
                workers=options["workers"],
                is_stopping=lambda: stop.is_asked,
            )
        except (CollectError, Fenced, KeyError, sources.SelectionTakenError) as error:
            raise CommandError(str(error.args[0])) from None
        except LoginRefusedError as error:
            raise CommandError(f"{source}: {error}; see its settings") from None
        self.stdout.write(line(source, found))
        if found.why:
            raise CommandError(found.why)


def line(source: str, found: Collected) -> str:
    """Return the last line of a run, which monitoring looks for."""
    counts = found.counts
    healed = f", late {counts.late}, mended {counts.mended}"
    ending = "" if found.state == "done" else f", {found.state}"
    return (
        f"LSST Alert Consumer {source}: read {counts.read}, written {counts.written}, "
        f"filtered {counts.filtered}, failed {counts.failed}, duplicate {counts.duplicate}, "
        f"{found.took_s:.1f} s{healed if counts.late or counts.mended else ''}{ending}"
    )
