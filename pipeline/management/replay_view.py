"""What a person sees of replays: the preview, the list, the bar."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.ranges.replay_tables import Replay, ReplayPlace
from broker.ranges.replays import ReplayError
from pipeline.alerts.replay_plan import Plan

LISTED = 20
NAMED = 4
SHOWN_AS_SECONDS_S = 120
LOOK_EVERY_S = 0.5
TELL_EVERY_S = 10.0
"""Where no terminal shows the bar."""
COUNTS = ("read", "stored", "duplicate", "dead", "published", "missing")


@dataclass(frozen=True)
class Progressed:
    """How far a replay is; offsets and packets."""

    id: int
    state: str
    is_finished: bool
    done: int
    total: int
    counts: dict[str, int]
    error: str | None

    def line(self) -> str:
        """Return one line on how far it is."""
        share = f"{100 * self.done / self.total:.0f} %" if self.total else "100 %"
        why = f" · {self.error}" if self.error else ""
        return f"replay {self.id}: {self.state}, {self.done:,} of {self.total:,} ({share}){why}"

    def summary(self) -> str:
        """Return what came out."""
        counts = ", ".join(f"{name} {self.counts[name]:,}" for name in COUNTS)
        return f"{self.line()}\n  {counts}"


def preview_lines(
    plan: Plan, stream: str, nights: tuple[date, date], source: str, publish: str
) -> Iterator[str]:
    """Yield what a replay would do, line by line."""
    first, last = nights
    yield (
        f"Replay of {stream}, nights {first} to {last} "
        "(of the Kafka timestamps, local noon to noon; the ledger's nights are by jd)"
    )
    for name in ("kafka", "archive"):
        of = [stretch for stretch in plan.stretches if stretch.read_from == name]
        if of:
            topics = sorted({stretch.place[0] for stretch in of})
            offsets = sum(stretch.offsets for stretch in of)
            word = "Kafka" if name == "kafka" else "the archive"
            yield (f"  from {word}: {offsets:,} offsets in {len(of)} partitions of {_some(topics)}")
    size = plan.size_bytes
    yield f"  {plan.offsets:,} offsets" + ("" if size is None else f", about {size / 1e6:,.1f} MB")
    if plan.forgotten:
        use = "left out: --source auto or archive reads them" if source == "kafka" else "read there"
        yield f"  Kafka has forgotten {plan.forgotten:,} packets that the archive has: {use}"
    books = plan.books
    yield (
        f"  stored already {books.stored:,} · duplicates {books.repeated:,} · "
        f"in dead letters {books.buried:,} · without a message {books.empty:,} · "
        f"missing {plan.missing:,}"
    )
    yield from _publishing(plan, publish)
    if plan.alerts_per_s:
        processes = config().ranges.worker_processes
        lasts_s = plan.offsets / (plan.alerts_per_s * processes)
        yield (
            f"  about {_duration(lasts_s)} of {processes} worker processes, by the last ranges; "
            "live ranges go first"
        )
    if plan.unread:
        yield f"  left out, no listener has finished anything of them: {_some(plan.unread)}"
    if plan.elsewhere:
        yield f"  {plan.elsewhere} archive segments lie on other machines and were not counted"


def _some(names: Sequence[str]) -> str:
    """Return a few of the names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _duration(lasts_s: float) -> str:
    if lasts_s < SHOWN_AS_SECONDS_S:
        return f"{max(1, round(lasts_s)):,} s"
    return f"{lasts_s / 60:,.0f} minutes"


def _publishing(plan: Plan, publish: str) -> Iterator[str]:
    more = f", and those of the {plan.missing:,} missing packets" if plan.missing else ""
    if publish == "none":
        yield (
            "  publishes nothing: what is newly stored is withheld, and the ledger says so "
            "(--publish new sends it)"
        )
    elif publish == "new":
        yield f"  publishes {plan.messages('new'):,} messages that were never sent{more}"
    else:
        yield (
            f"  PUBLISHES EVERYTHING AGAIN: {plan.messages('all'):,} messages{more}. Consumers "
            "will see messages that they have had, with the same delivery ids"
        )


def listing(session: Session, console: Console) -> None:
    """Print the latest replays, newest first."""
    ids = session.scalars(select(Replay.id).order_by(Replay.id.desc()).limit(LISTED)).all()
    if not ids:
        console.print("No replay was ever asked for.")
        return
    table = Table(title="Replays", title_justify="left")
    for name in ("id", "stream", "nights", "publish", "state", "offsets"):
        table.add_column(name, no_wrap=True)
    table.add_column("what became of them", overflow="fold")
    for replay_id in ids:
        replay = session.get_one(Replay, replay_id)
        at = _progress(session, replay)
        nights = "single packets"
        if replay.from_night is not None:
            nights = "\n".join(map(str, dict.fromkeys((replay.from_night, replay.to_night))))
        counts = ", ".join(f"{name} {at.counts[name]}" for name in COUNTS if at.counts[name])
        table.add_row(
            str(at.id), replay.stream, nights, replay.publish, at.state, f"{at.done} of {at.total}",
            "; ".join(filter(None, [counts, f"by {replay.requested_by}", at.error])),
        )  # fmt: skip
    console.print(table)


def look(replay_id: int) -> Progressed:
    """Return how far a replay is.

    Raises
    ------
    ReplayError
        If there is none with this id.
    """
    with transaction() as session:
        replay = session.get(Replay, replay_id)
        if replay is None:
            raise ReplayError(f"there is no replay {replay_id}")
        return _progress(session, replay)


def watch(replay_id: int, tell: Callable[[str], object]) -> Progressed:
    """Show how far a replay is until it has ended; a bar, or a line now and then."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        return _tell(replay_id, tell)
    at = look(replay_id)
    columns = (
        TextColumn("replay {task.fields[replay]}: {task.fields[state]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[error]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=at.total, replay=at.id, state=at.state, error="")
        while not at.is_finished:
            progress.update(bar, completed=at.done, state=at.state, error=at.error or "")
            time.sleep(LOOK_EVERY_S)
            at = look(replay_id)
    return at


def _tell(replay_id: int, tell: Callable[[str], object]) -> Progressed:
    told_at = 0.0
    while not (at := look(replay_id)).is_finished:
        if time.monotonic() - told_at >= TELL_EVERY_S:
            told_at = time.monotonic()
            tell(at.line())
        time.sleep(LOOK_EVERY_S)
    return at


def _progress(session: Session, replay: Replay) -> Progressed:
    done = session.scalar(
        select(func.sum(ReplayPlace.cursor_offset - ReplayPlace.first_offset)).where(
            ReplayPlace.replay_id == replay.id
        )
    )
    return Progressed(
        replay.id,
        replay.state,
        replay.finished_at is not None,
        int(done or 0),
        replay.offset_count,
        {name: getattr(replay, f"{name}_count") for name in COUNTS},
        replay.error,
    )
