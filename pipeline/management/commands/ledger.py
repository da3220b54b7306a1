"""Print the books: every packet received is published, waits, or has its reason not to be."""

import json
import sys
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from broker.command import ProjectCommand
from broker.db import transaction
from pipeline.alerts import ledger


class Command(ProjectCommand):
    """Print the books of every stream and night; exit 1 when an offset is unaccounted for."""

    help = "Print, per stream and night, what became of every packet. Nights are by the alert's jd."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="plain values for a program")

    def handle(self, **options: Any) -> None:
        with transaction() as session:
            books = ledger.read(session)
        if options["json"]:
            self.stdout.write(json.dumps(books.as_json(), indent=2))
        else:
            show(books, Console())
        if not books.is_balanced:
            sys.exit(1)


def show(books: ledger.Ledger, console: Console) -> None:
    """Print the books as a person reads them."""
    if not books.nights:
        console.print("No alerts yet. Try: make demo, or manage.py simulate --to kafka")
        return
    table = Table(title="What became of every packet", title_justify="left")
    table.add_column("stream · night")
    table.add_column("outcome")
    table.add_column("packets", justify="right")
    for night in books.nights:
        _add_night(table, night)
    console.print(table)
    for partition in books.partitions:
        if partition.unaccounted:
            console.print(
                f"[red]{partition.topic}[{partition.partition}]: {partition.unaccounted} of the"
                f" offsets {partition.first_offset} to {partition.end_offset - 1}"
                " are not accounted for"
            )
    if books.is_balanced:
        console.print(f"Balanced: {books.received} packets, every offset accounted for.")


def _add_night(table: Table, night: ledger.NightBooks) -> None:
    table.add_section()
    table.add_row(f"{night.stream} · {night.night}", "received", f"[bold]{night.received}")
    rows = [(f"published to {topic}", n) for topic, n in sorted(night.published.items())]
    rows += [("waiting for Kafka", night.waiting)] if night.waiting else []
    if night.withheld:
        rows.append(("withheld by a replay; replay --publish new sends it", night.withheld))
    rows += [(f"gated: {reason}", n) for reason, n in sorted(night.gated.items())]
    rows += [("duplicates", night.duplicates)] if night.duplicates else []
    rows += [(f"dead letter: {reason}", n) for reason, n in sorted(night.dead_letters.items())]
    states = sorted(night.dead_letter_states.items())
    rows += [(f"(of these letters {state})", n) for state, n in states if n]
    rows += [(f"(second copy to {topic})", n) for topic, n in sorted(night.second_copies.items())]
    for outcome, n in rows:
        table.add_row("", outcome, str(n))
