"""``manage.py replay STREAM --from DATE --to DATE``: work past nights once more."""

import getpass
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from datetime import date
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from broker.archive_index import ArchiveReader
from broker.celery import doorbell
from broker.command import ProjectCommand, day
from broker.config import config, project_path
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka import Cluster, stream_connection
from broker.ranges import replays, stops
from broker.ranges.replays import ReplayError, Wish
from pipeline import topics
from pipeline.alerts import replay_tasks
from pipeline.alerts.replay_plan import Plan, ask_kafka, make_plan, read_topics
from pipeline.management.replay_view import listing, preview_lines, watch
from pipeline.surveys import survey as survey_named

DRAIN_S = 2.0
_NIGHT = "night of the packets' Kafka timestamps, YYYY-MM-DD: local noon to noon, by its first day"


class Command(ProjectCommand):
    """Show what a replay of past nights would do, ask, have it done, and show how far it is."""

    help = (
        "Work past nights of a stream once more, from Kafka or from the archive. Alerts that are "
        "stored stay as they are, missing ones are stored; nothing is published unless asked for. "
        "A night here is that of the Kafka timestamp, of when a packet came; the nights of "
        "`manage.py ledger` are by the alert's jd, of when it was observed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stream", nargs="?", choices=[s.name for s in topics.STREAMS])
        parser.add_argument("--from", type=day, dest="first", metavar="DATE", help=_NIGHT)
        parser.add_argument(
            "--to", type=day, dest="last", metavar="DATE", help="last such night (the first)"
        )
        parser.add_argument(
            "--source",
            choices=("auto", "kafka", "archive"),
            default="auto",
            help="auto: Kafka, and the archive for what Kafka has forgotten (auto)",
        )
        parser.add_argument(
            "--publish",
            choices=("none", "new", "all"),
            default="none",
            help="new: messages that were never sent; all: every message again, with the delivery "
            "ids that it had (none)",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="show the preview and end")
        parser.add_argument(
            "--wait",
            action=BooleanOptionalAction,
            default=True,
            help="stay and show how far it is (--wait)",
        )
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--list", action="store_true", help="show the latest replays and end")
        other.add_argument("--cancel", type=int, metavar="ID", help="cut nothing more of a replay")
        other.add_argument("--show", type=int, metavar="ID", help="show how far a replay is")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(options)
        except (ReplayError, TransientError) as error:
            raise CommandError(str(error)) from None

    def _handle(self, options: dict[str, Any]) -> None:
        if options["list"]:
            with transaction() as session:
                listing(session, Console())
        elif options["cancel"] is not None:
            self._cancel(options["cancel"])
        elif options["show"] is not None:
            self._watch([options["show"]])
        else:
            self._replay(options)

    def _cancel(self, replay_id: int) -> None:
        with transaction() as session:
            replays.cancel(session, replay_id, getpass.getuser())
        self._ring()
        self.stdout.write(f"Replay {replay_id} is cancelled; what workers have in hand ends first.")

    def _replay(self, options: dict[str, Any]) -> None:
        stream, first, last = options["stream"], options["first"], options["last"]
        if stream is None or first is None:
            raise CommandError("say what: manage.py replay STREAM --from DATE [--to DATE]")
        last = last or first
        if first > last:
            raise CommandError(f"--from {first} lies after --to {last}")
        if not options["dry_run"]:
            _require_free(stream, first, last)
        plan = self._plan(stream, (first, last), options["source"])
        if not plan.stretches:
            raise CommandError(
                f"nothing of {stream} to replay from {first} to {last}; a night has the date of "
                "its evening at the telescope, and a packet the night in which it came"
            )
        for line in preview_lines(
            plan, stream, (first, last), options["source"], options["publish"]
        ):
            self.stdout.write(line)
        if options["dry_run"]:
            if reason := _why_stopped(stream):
                self.stdout.write(f"  it could not begin now: {reason}")
            return
        if not (options["yes"] or _is_confirmed()):
            self.stdout.write("Nothing was done.")
            return
        wish = Wish(stream, options["publish"], getpass.getuser(), options["source"], (first, last))
        with transaction() as session:
            replays.require_no_other(session, stream, first, last)
            ids = replays.ask(session, wish, plan.stretches)
        self._ring()
        named = ", ".join(map(str, ids))
        self.stdout.write(f"Replay {named} has begun.")
        if options["wait"]:
            self._watch(ids)

    def _plan(self, stream: str, nights: tuple[date, date], source: Any) -> Plan:
        survey = survey_named(topics.stream(stream).survey)
        reader = ArchiveReader(project_path(config().archive.path))
        cluster = Cluster(stream_connection(stream))
        with transaction() as session:
            read = read_topics(session, stream)
        in_kafka = ask_kafka(cluster, read, survey, nights)
        with transaction() as session:
            return make_plan(session, in_kafka, reader, stream, survey, nights, source)

    def _ring(self) -> None:
        replay_tasks.ring()
        doorbell.drain(DRAIN_S)

    def _watch(self, ids: list[int]) -> None:
        """Show how far replays are until they end; Ctrl-C ends the showing, not the replay."""
        try:
            ended = [watch(each, self.stdout.write) for each in ids]
        except KeyboardInterrupt:
            named = ", ".join(map(str, ids))
            self.stdout.write(
                f"\nReplay {named} goes on. Look: manage.py replay --list, or --show ID; "
                "end it: manage.py replay --cancel ID"
            )
            return
        for progress in ended:
            self.stdout.write(progress.summary())
        if any(progress.state != "done" for progress in ended):
            sys.exit(1)


def _require_free(stream: str, first: date, last: date) -> None:
    """Refuse before anybody is asked; what is asked for is looked at once more when it begins."""
    if reason := _why_stopped(stream):
        raise CommandError(reason)
    with transaction() as session:
        replays.require_no_other(session, stream, first, last)


def _why_stopped(stream: str) -> str | None:
    with transaction() as session:
        reason = stops.stop_reason(session, stream)
    if reason is None:
        return None
    return f"{stream} is stopped: {reason}. Mend it, then: manage.py resume {stream}"


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("nobody can answer here; give --yes, or --dry-run to look only")
    try:
        return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}
    except (KeyboardInterrupt, EOFError):
        return False
