"""What became of a command, step by step, for people and programs; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightjar_telescope.schema import milliseconds

from broker.shown import shown
from pipeline.telescope.tables import (
    OPEN_STATES,
    TelescopeAcknowledgment,
    TelescopeCommand,
    TelescopeEvent,
)

WORDS = {
    "duplicate": "said before",
    "out_of_order": "came out of order",
    "conflict": "contradicts another end: the first by the telescope's clock counts",
    "late": "late: the command had ended",
    "not_counted": "is shown and does not count",
    "unknown_command": "of no command of ours",
    "wrong_telescope": "from the topic of another telescope: does not count",
}
"""What became of an acknowledgment that did not simply count."""
_QUIET = ("duplicate", "out_of_order", "not_counted")
TIMED_OUT = {
    "send": "it expired before it could be sent",
    "receive": "it was not received in time",
    "start": "it was not started in time",
    "finish": "it was not finished in time",
    "telescope": "the telescope said that it timed out",
}
DAY_S = 86_400
_NEXT = {
    "requested": ("to be received", "receive_by"),
    "sending": ("to be received", "receive_by"),
    "sent": ("to be received", "receive_by"),
    "received": ("to be started", "start_by"),
    "started": ("to be finished", "finish_by"),
}


@dataclass(frozen=True)
class Moment:
    """One line of a timeline.

    Attributes
    ----------
    at : datetime
        By our clock.
    what : str
        Happened.
    who : str
        An operator, a flow or an application.
    note : str
        More, in words.
    tone : str
        ok, warn or bad; empty: neither.
    progress_percent : float or None
        That was told.
    """

    at: datetime
    what: str
    who: str = ""
    note: str = ""
    tone: str = ""
    progress_percent: float | None = None


@dataclass(frozen=True)
class Deadline:
    """What a command waits for now.

    Attributes
    ----------
    what : str
        In words.
    by : datetime
        Then it times out.
    is_slow : bool
        It should have come by now.
    """

    what: str
    by: datetime
    is_slow: bool


def timeline(
    row: TelescopeCommand,
    acks: Sequence[TelescopeAcknowledgment],
    events: Sequence[TelescopeEvent],
    clock_off_s: float,
) -> list[Moment]:
    """Return what happened to a command, in order of time.

    Parameters
    ----------
    row : TelescopeCommand
        Of which.
    acks, events : sequences
        All that were said and done.
    clock_off_s : float
        A telescope's clock that differs more is warned of [s].
    """
    found = [*_done(row, events), *_ours(row), *(_said(each, clock_off_s) for each in acks)]
    return sorted(found, key=lambda moment: moment.at)


def deadline(row: TelescopeCommand, now: datetime, slow_after_s: float) -> Deadline | None:
    """Return what a command waits for; None once it has ended, or while nobody knows.

    Parameters
    ----------
    row : TelescopeCommand
        Which.
    now : datetime
        UTC.
    slow_after_s : float
        A command that is sent should be received so soon [s].
    """
    what, name = _NEXT.get(row.state, ("", ""))
    by = row.due_at if row.cancels and row.state in _NEXT else getattr(row, name, None)
    if by is None:
        return None
    is_slow = row.state == "sent" and _slow(row, now, slow_after_s)
    return Deadline("to be answered" if row.cancels else what, by, is_slow)


def is_open(row: TelescopeCommand) -> bool:
    """Return whether a command has not ended."""
    return row.state in OPEN_STATES


def ending(row: TelescopeCommand) -> str:
    """Return how a command ended, as far as its state does not say so; empty: it does."""
    if row.state != "timeout":
        return shown(row.error_code or "")
    found = TIMED_OUT.get(row.timeout_stage or "", "")
    if row.late_status is None or row.late_at is None or row.finished_at is None:
        return found
    return f"{found}; {row.late_status}, {span(row.late_at - row.finished_at)} late"


def span(how_long: timedelta) -> str:
    """Return a time as people say it: 3 min 12 s."""
    seconds = max(0, round(how_long.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def clock_off_s(ack: TelescopeAcknowledgment) -> float:
    """Return how far a telescope's clock was from ours when it acknowledged [s]; ahead: > 0."""
    return (ack.timestamp - milliseconds(ack.received_at)) / 1000


def _slow(row: TelescopeCommand, now: datetime, slow_after_s: float) -> bool:
    return row.sent_at is not None and now - row.sent_at > timedelta(seconds=slow_after_s)


def _done(row: TelescopeCommand, events: Sequence[TelescopeEvent]) -> Iterator[Moment]:
    if not any(event.what == "requested" for event in events):
        yield Moment(row.created_at, "requested", row.requested_by, row.origin)
    for event in events:
        yield Moment(event.at, event.what, event.who, event.why)


def _ours(row: TelescopeCommand) -> Iterator[Moment]:
    """Yield what we did or concluded ourselves."""
    if row.sent_at is not None:
        note = "" if row.kafka_offset is None else f"offset {row.kafka_offset} of its topic"
        yield Moment(row.sent_at, "sent", "nightjar", note, "ok")
    if row.state == "timeout" and row.ended_by == "deadline" and row.finished_at is not None:
        yield Moment(
            row.finished_at,
            "timeout",
            "nightjar",
            TIMED_OUT.get(row.timeout_stage or "", ""),
            "bad",
        )
    if row.state == "cancelled" and row.sent_at is not None and row.finished_at is not None:
        yield Moment(row.finished_at, "cancelled", "nightjar", "its cancel was obeyed", "warn")


def _said(ack: TelescopeAcknowledgment, allowed_s: float) -> Moment:
    off_s = clock_off_s(ack)
    notes = [
        ack.message,
        ack.error_code and f"error {ack.error_code}",
        ack.error_details,
        WORDS.get(ack.disposition),
        _clock_note(off_s) if abs(off_s) > allowed_s else None,
    ]
    return Moment(
        ack.received_at,
        ack.status,
        ack.source_application or "an application without a name",
        "; ".join(shown(note) for note in notes if note),
        _tone(ack),
        ack.progress_percent,
    )


def _clock_note(off_s: float) -> str:
    # Any 64-bit number may come, such as nanoseconds: no timedelta holds all of them.
    by = "more than a day" if abs(off_s) > DAY_S else span(timedelta(seconds=abs(off_s)))
    return f"its clock is {by} {'ahead' if off_s > 0 else 'behind'}"


def _tone(ack: TelescopeAcknowledgment) -> str:
    if ack.disposition in WORDS:
        return "" if ack.disposition in _QUIET else "warn"
    return "bad" if ack.status in {"failed", "rejected", "timeout"} else "ok"
