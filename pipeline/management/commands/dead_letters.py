"""Count dead letters, send them once more, or ignore them: what the admin does, in a terminal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table
from sqlalchemy import ColumnElement, func, select

from broker.command import ProjectCommand, day
from broker.db import transaction
from broker.dead_letters import REASONS, RETRIED_STATES, STATES, DeadLetter
from pipeline.listened import stream_names
from pipeline.management import letters

FILTERS = ("stream", "reason", "night", "topic", "partition", "id")
SHOWN_MESSAGE = 100
FILE_WIDTH = 160


class Command(ProjectCommand):
    """Look at dead letters, and act on all that the filters name."""

    help = (
        "Count dead letters by stream, reason, state and night; with --retry or --ignore act on all"
        " that the filters name. See docs/dead-letters.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stream", choices=stream_names())
        parser.add_argument("--reason", choices=REASONS)
        parser.add_argument("--state", choices=STATES, help="default: open, when acting")
        parser.add_argument("--night", type=day, help="YYYY-MM-DD, of its evening")
        parser.add_argument("--topic")
        parser.add_argument("--partition", type=int)
        parser.add_argument("--id", type=int, nargs="+", metavar="ID", help="single letters")
        parser.add_argument("--all", action="store_true", help="act without a filter")
        deed = parser.add_mutually_exclusive_group()
        deed.add_argument("--retry", action="store_true", help="work their packets once more")
        deed.add_argument("--ignore", metavar="WHY", help="close them for this reason")

    def handle(self, **options: Any) -> None:
        if not options["retry"] and options["ignore"] is None:
            self._show(options)
            return
        if not options["all"] and all(options[name] is None for name in FILTERS):
            raise CommandError(f"name some letters: --{', --'.join(FILTERS)}; or --all")
        if options["ignore"] is not None and not options["ignore"].strip():
            raise CommandError("--ignore needs a reason")
        ids = _ids(options)
        if not ids:
            self.stdout.write("No dead letter fits.")
        elif options["retry"]:
            letters.retry(ids, letters.operator(), self.stdout)
        else:
            letters.ignore(ids, letters.operator(), options["ignore"].strip(), self.stdout)

    def _show(self, options: dict[str, Any]) -> None:
        columns = (DeadLetter.stream, DeadLetter.reason, DeadLetter.state, DeadLetter.night)
        with transaction() as session:
            rows = session.execute(
                select(
                    *columns,
                    func.count(),
                    func.min(DeadLetter.first_seen_at),
                    func.max(DeadLetter.message),
                )
                .where(*_conditions(options))
                .group_by(*columns)
                .order_by(*columns)
            ).all()
        if not rows:
            self.stdout.write("No dead letter fits." if _is_narrowed(options) else "None.")
            return
        table = Table()
        for name in ("stream", "reason", "state", "night", "letters", "oldest (UTC)"):
            table.add_column(name, no_wrap=True)
        table.add_column("such as")
        for stream, reason, state, night, count, oldest, message in rows:
            table.add_row(
                stream,
                reason,
                state,
                str(night or "unknown"),
                str(count),
                f"{oldest:%Y-%m-%d %H:%M}",
                _plain(message),
            )
        width = None if self.stdout.isatty() else FILE_WIDTH
        Console(file=self.stdout, highlight=False, width=width).print(table)  # type: ignore[arg-type] # writes text


def _ids(options: dict[str, Any]) -> list[int]:
    # What is under way, or closed, is left alone unless it is named.
    states = (options["state"] or "open",)
    if options["retry"] and options["state"] not in (None, *RETRIED_STATES):
        raise CommandError(f"only letters that are {' or '.join(RETRIED_STATES)} can be retried")
    with transaction() as session:
        found = select(DeadLetter.id).where(*_conditions(options), DeadLetter.state.in_(states))
        return list(session.scalars(found.order_by(DeadLetter.id)))


def _conditions(options: dict[str, Any]) -> list[ColumnElement[bool]]:
    columns = {
        "stream": DeadLetter.stream,
        "reason": DeadLetter.reason,
        "state": DeadLetter.state,
        "night": DeadLetter.night,
        "topic": DeadLetter.topic,
        "partition": DeadLetter.source_partition,
    }
    found = [
        column == options[name] for name, column in columns.items() if options[name] is not None
    ]
    return found + ([DeadLetter.id.in_(options["id"])] if options["id"] else [])


def _is_narrowed(options: dict[str, Any]) -> bool:
    return any(options[name] is not None for name in (*FILTERS, "state"))


def _plain(message: str) -> str:
    """Return the beginning of a message that a terminal can show: packets wrote parts of it."""
    cut = "".join(each if each.isprintable() else "?" for each in message[:SHOWN_MESSAGE])
    return cut.replace("[", r"\[")
