"""What of the streams waits for somebody: lines of the admin's first page."""

from typing import Any

from broker.admin import PAGED_ROWS
from broker.admin_front import Line, counted, line_of
from broker.mirror import all_of
from pipeline import models
from pipeline.watch import amiss


def lines(user: Any) -> list[Line]:
    """Return what this member of staff may see."""
    return [*_letters(user), *_switches(user), *_stopped(user), *_listeners()]


def _letters(user: Any) -> list[Line]:
    letters = all_of(models.DeadLetter).filter(state="open")
    told = counted(open=letters.order_by()[:PAGED_ROWS].count())
    return line_of(user, models.DeadLetter, "Dead letters", told, state__exact="open")


def _switches(user: Any) -> list[Line]:
    off = all_of(models.StreamSwitch).filter(publishing=False).order_by("stream")
    told = [f"{row.stream} is held back: {row.reason}" for row in off]
    told += counted(ranges_of_messages_wait=all_of(models.HeldRange).count())
    return line_of(user, models.StreamSwitch, "Kill switches", told)


def _listeners() -> list[Line]:
    """Return the sources that no stream's listener reads: selected alerts, ANTARES, Lasair."""
    return [Line(f"Source {each.name}", each.state, each.text) for each in amiss.listeners()]


def _stopped(user: Any) -> list[Line]:
    stopped = all_of(models.Stream).filter(stopped_at__isnull=False).order_by("name")
    told = [f"{row.name} stands: {row.reason}" for row in stopped]
    return line_of(user, models.Stream, "Streams", told)
