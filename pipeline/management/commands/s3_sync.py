"""Copy what this host wrote to S3 now: what is missing there, what was done, what failed."""

import logging
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from broker import logs
from broker.command import ProjectCommand
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.s3 import sync, wanted
from pipeline.s3.places import Here, excluded
from pipeline.s3.send import End, Told
from pipeline.s3.verify import verify
from pipeline.s3.wanted import Wanted

PROGRESS_EVERY = 100
BAD = (End.FAILED, End.AWAY)
NO_BUCKET = "s3.bucket is not set: nothing is copied; see docs/s3.md"
EMPTIED = "The bucket had lost what it had confirmed: {} objects wanted again, {} nowhere any more."


class Command(ProjectCommand):
    """Copy to S3; exit 1 when something is missing afterwards."""

    help = (
        "Copy tables, images and packets of this host to S3 now, and prove that they are there."
        " PREFIX names keys, as lsst_alerts/. See docs/s3.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", nargs="?", default="", metavar="PREFIX")
        deed = parser.add_mutually_exclusive_group()
        deed.add_argument("--dry-run", action="store_true", help="say what is missing, ask nobody")
        deed.add_argument(
            "--verify", action="store_true", help="read back what is said to be there"
        )

    def handle(self, **options: Any) -> None:
        console = Console()
        if not config().s3.bucket:
            raise CommandError(NO_BUCKET)
        if options["dry_run"]:
            _show_wanted(console, options["prefix"])
        elif options["verify"]:
            _verify(console, options["prefix"])
        else:
            _copy(console, options["prefix"])


def _show_wanted(console: Console, prefix: str) -> None:
    missing, taken = _missing(prefix)
    refused = {key for key, _, _ in taken}
    mine = [each for each in missing if each.key not in refused]
    rows = [(f"{_folder(each)}{' (grows)' * each.is_snapshot}", each.length or 0) for each in mine]
    _table(console, f"Missing in {config().s3.bucket}", rows)
    _show_taken(console, taken)
    if left_out := excluded(config()):
        names = ", ".join(sorted(left_out))
        console.print(f"Left out, as s3.private is not set: packets of {names}")


def _missing(prefix: str) -> tuple[list[Wanted], list[tuple[str, str, str]]]:
    """Return what S3 has not, and which of the keys are those of other files."""
    with transaction() as session:
        found = wanted.unsynced(session, Here.ours())
        missing = [each for each in found if each.key.startswith(prefix)]
        return missing, wanted.taken(session, missing)


def _show_taken(console: Console, taken: Iterable[tuple[str, str, str]]) -> None:
    for key, host, path in taken:
        console.print(f"[red]{escape(key)} is that of {escape(path)} on {host}: set s3.prefix")


def _copy(console: Console, prefix: str) -> None:
    done, before = 0, _whole_keys(_missing(prefix)[0])

    def tell(told: Told) -> None:
        nonlocal done
        done += 1
        if told.end in BAD:
            console.print(f"[red]{told.end}: {escape(told.key)}: {escape(told.error)}")
        elif done % PROGRESS_EVERY == 0:
            console.print(f"{done} objects, now {escape(told.key)}")

    with logs.at_least(logging.CRITICAL):  # the table says all
        owner = f"command-{os.getpid()}"
        work = sync.run("command", owner, prefix=prefix, budget_s=math.inf, tell=tell)
    if work.emptied is not None:
        console.print(f"[red]{EMPTIED.format(*work.emptied)}")
    rows = [(str(told.end), told.length) for told in work.told]
    _table(console, f"Copied to {config().s3.bucket}", rows)
    if work.error:
        raise CommandError(work.error)
    missing, taken = _missing(prefix)
    _show_taken(console, taken)
    # What was written meanwhile is the next look's.
    left = _whole_keys(missing) & before
    if left:
        console.print(f"[red]{len(left)} objects are not there, {escape(min(left))} the first.")
        console.print("What failed is tried again by itself; its rows are in the admin.")
    if left or any(told.end in BAD for told in work.told):
        sys.exit(1)


def _whole_keys(missing: Iterable[Wanted]) -> set[str]:
    """Return the keys of files that do not grow any more."""
    return {each.key for each in missing if not each.is_snapshot}


def _verify(console: Console, prefix: str) -> None:
    rows: list[tuple[str, int]] = []
    try:
        with Bucket.from_settings(config().s3) as bucket:
            bucket.check()
            for looked in verify(bucket, Here.ours(), prefix):
                rows.append(("whole" if looked.is_whole else "damaged or gone", looked.length))
                if not looked.is_whole:
                    console.print(f"[red]{escape(looked.key)} is not what was sent: wanted again")
                elif len(rows) % PROGRESS_EVERY == 0:
                    console.print(f"{len(rows)} objects, now {escape(looked.key)}")
    except (S3RefusedError, TransientError) as error:
        raise CommandError(str(error)) from None
    finally:
        _table(console, f"Read back from {config().s3.bucket}", rows)
    if any(word != "whole" for word, _ in rows):
        sys.exit(1)


def _folder(each: Wanted) -> str:
    return each.key.rpartition("/")[0] + "/"


def _table(console: Console, title: str, rows: Iterable[tuple[str, int]]) -> None:
    """Print how many objects, and how many bytes, there are of each word."""
    counts: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    for word, length in rows:
        counts[word] += 1
        lengths[word] += length
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("objects", justify="right")
    table.add_column("bytes", justify="right")
    for word in sorted(counts):
        table.add_row(escape(word), str(counts[word]), f"{lengths[word]:,}")
    table.add_row("[bold]all", str(counts.total()), f"{lengths.total():,}")
    console.print(table)
