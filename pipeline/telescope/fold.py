"""What all acknowledgments of a command amount to; pure, so that their order does not matter.

Arrival in our own Kafka is a fact of an acknowledgment, and so is what had come by a deadline: the
same acknowledgments give the same state, in whatever order they are stored, and whether somebody
looked at the deadline before or after them.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.telescope.facts import END, RANKS, Ack, Facts, Outcome

_UNDER_WAY = {0: "sent", 1: "received", 2: "started"}
CANCELLED_CODE = "cancelled"
"""``error_code`` of an application that gave up because it was told to."""
LONGEST_S = 86_400
"""No estimate moves a deadline further than this behind the start."""


class Deadline(NamedTuple):
    """When what must have come; the stage is of ``tables.TIMEOUT_STAGES``."""

    at: datetime
    stage: str


@dataclass
class Reached:
    """How far a command has come; acknowledgments are added by arrival.

    Attributes
    ----------
    rank : int
        Highest of ``RANKS``.
    received_at, started_at : datetime or None
        When the first of that rank, or of a higher one, arrived.
    estimate_s : float
        Latest Unix time at which an application means to be done [s]; 0: none said so.
    """

    rank: int = 0
    received_at: datetime | None = None
    started_at: datetime | None = None
    estimate_s: float = 0

    def add(self, ack: Ack) -> None:
        """Count an acknowledgment."""
        self.rank = max(self.rank, ack.rank)
        self.received_at = self.received_at or ack.arrived_at
        if ack.rank > RANKS["received"]:
            self.started_at = self.started_at or ack.arrived_at
        if ack.status == "started" and ack.estimate_ms is not None:
            self.estimate_s = max(self.estimate_s, ack.estimate_ms / 1000)


@dataclass(frozen=True)
class Told:
    """Acknowledgments: those that count, in time and too late, the others, what they lead to."""

    counted: Sequence[Ack]
    late: Sequence[Ack]
    uncounted: frozenset[str]
    reached: Reached
    deadline: Deadline | None


def fold(facts: Facts, acks: Collection[Ack], now: datetime) -> Outcome:
    """Return what a command has come to.

    Parameters
    ----------
    facts : Facts
        Of the command.
    acks : collection of Ack
        All that are stored of its own telescope; their order does not matter.
    now : datetime
        Deadlines before it, or before the last arrival, have passed.
    """
    told = _told(facts, acks)
    decided = _decision(facts, told.counted)
    state, stage, ended_by, finished_at = _end(facts, told, decided, now)
    start_by, finish_by = _deadlines(facts, told.reached)
    late = _greatest(each for each in told.late if not _is_confirmation(state, each))
    return Outcome(
        state=state,
        timeout_stage=stage,
        ended_by=ended_by,
        late_status=late.status if late else None,
        late_at=late.arrived_at if late else None,
        received_at=_stage_at(told.counted, "received"),
        started_at=None if state == "rejected" else _stage_at(told.counted, "started"),
        finished_at=finished_at,
        start_by=start_by,
        finish_by=finish_by,
        due_at=told.deadline.at if finished_at is None and told.deadline else None,
        progress_percent=max(_progress(told.counted), default=None),
        error_code=decided.error_code if decided else None,
        late=frozenset(each.ack_id for each in told.late),
        uncounted=told.uncounted,
    )


def judge(ack: Ack, earlier: Collection[Ack], outcome: Outcome) -> str:
    """Return what became of an acknowledgment when it came: one of ``tables.DISPOSITIONS``.

    Parameters
    ----------
    ack : Ack
        The one that came.
    earlier : collection of Ack
        Those of the same command that were stored before.
    outcome : Outcome
        Of the command, with this one among what was said of it.
    """
    if ack.ack_id in outcome.uncounted:
        return "not_counted"
    if ack.ack_id in outcome.late:
        return "late"
    same = [each for each in earlier if each.application == ack.application]
    reached = max((each.rank for each in same), default=0)
    if ack.rank > reached:
        return "applied"
    if ack.rank < reached:
        return "out_of_order"
    if ack.status == "started":
        return "progress"
    is_known = any(each.status == ack.status for each in same)
    return "duplicate" if is_known else "conflict"


def _told(facts: Facts, acks: Collection[Ack]) -> Told:
    """Part acknowledgments into those before and those after the end of the command."""
    counting = _counting(facts, acks)
    uncounted = frozenset(each.ack_id for each in acks) - {each.ack_id for each in counting}
    said = sorted(counting, key=lambda each: (each.arrived_at, each.ack_id))
    reached, is_ended = Reached(), False
    for at, ack in enumerate(said):
        deadline = _deadline(facts, reached)
        if _is_over(facts, deadline, ack.arrived_at, is_ended=is_ended):
            return Told(said[:at], said[at:], uncounted, reached, deadline)
        reached.add(ack)
        if ack.rank == END and not is_ended:
            is_ended = _decision(facts, said[: at + 1]) is not None
    return Told(said, (), uncounted, reached, _deadline(facts, reached))


def _counting(facts: Facts, acks: Collection[Ack]) -> list[Ack]:
    """Return the acknowledgments that count, whenever they came.

    An application that reads a command too late, as one in a new consumer group reads all that its
    topic keeps, ends nothing that another one has received or that it has ended itself. One that
    is required ends it all the same: without it the command cannot be completed.
    """
    if facts.required:
        acks = [each for each in acks if each.application in facts.required]
    met = {each.application for each in acks if not each.is_expired}
    ended = {each.application for each in acks if each.rank == END and not each.is_expired}
    return [
        each
        for each in acks
        if not each.is_expired
        or (each.application not in ended and (facts.required or met <= {each.application}))
    ]


def _is_over(facts: Facts, deadline: Deadline | None, at: datetime, *, is_ended: bool) -> bool:
    """Return whether nothing was waited for any more at ``at``.

    Behind an end by one application the others have as long as the command had.
    """
    if facts.dropped_at is not None:
        return True
    cancelled_at = facts.cancelled_at
    is_cancelled = not is_ended and cancelled_at is not None and at > cancelled_at
    return is_cancelled or (deadline is not None and at > deadline.at)


def _decision(facts: Facts, counted: Sequence[Ack]) -> Ack | None:
    """Return the acknowledgment that ends the command.

    Of one application's ends the smallest timestamp counts; one that did not complete it wins over
    those that did.
    """
    ends: dict[str, Ack] = {}
    for ack in sorted(counted, key=_by_clock):
        if ack.rank == END:
            ends.setdefault(ack.application, ack)
    bad = [each for each in ends.values() if each.status != "completed"]
    if bad:
        return min(bad, key=_by_clock)
    if not facts.required:
        return min(ends.values(), key=_by_clock, default=None)
    if set(facts.required) <= ends.keys():
        return max(ends.values(), key=lambda each: (each.arrived_at, each.ack_id))
    return None


def _end(
    facts: Facts, told: Told, decided: Ack | None, now: datetime
) -> tuple[str, str | None, str | None, datetime | None]:
    """Return state, stage of a timeout, who ended the command, and when."""
    if decided is not None:
        state = "cancelled" if _is_given_up(facts, decided) else decided.status
        stage = "telescope" if state == "timeout" else None
        return state, stage, "telescope", decided.arrived_at
    if facts.dropped_at is not None:
        return "cancelled", None, "operator", facts.dropped_at
    if (cancelled_at := _cancelled_at(facts, told)) is not None:
        return "cancelled", None, "operator", cancelled_at
    now = max([now, *(each.arrived_at for each in told.late)])
    if told.deadline is not None and told.deadline.at < now:
        return "timeout", told.deadline.stage, "deadline", told.deadline.at
    if not told.counted and facts.published != "sent":
        return facts.published, None, None, None
    return _UNDER_WAY[min(told.reached.rank, RANKS["started"])], None, None, None


def _cancelled_at(facts: Facts, told: Told) -> datetime | None:
    """Return when a cancel ended the command: none that the telescope itself had ended."""
    at = facts.cancelled_at
    if at is None or any(each.rank == END and each.arrived_at <= at for each in told.late):
        return None
    return at


def _is_given_up(facts: Facts, end: Ack) -> bool:
    """Return whether an application ended the command because a cancel told it to."""
    return (
        end.status == "failed"
        and end.error_code == CANCELLED_CODE
        and any(
            each.state == "completed"
            or each.finished_at is None
            or each.finished_at >= end.arrived_at
            for each in facts.cancels
        )
    )


def _is_confirmation(state: str, ack: Ack) -> bool:
    """Return whether a late one only says what we know: that the command was cancelled."""
    return state == "cancelled" and ack.error_code == CANCELLED_CODE


def _deadline(facts: Facts, reached: Reached) -> Deadline | None:
    """Return what must come next, and when; None where nothing is waited for."""
    start_by, finish_by = _deadlines(facts, reached)
    at, stage = finish_by, "finish"
    if not facts.is_cancel and reached.rank == 0 and facts.published in {"requested", "sent"}:
        at, stage = facts.receive_by, "receive" if facts.published == "sent" else "send"
    elif reached.rank == RANKS["received"] and start_by is not None:
        at, stage = start_by, "start"
    return None if at is None else Deadline(at, stage)


def _deadlines(facts: Facts, reached: Reached) -> tuple[datetime | None, datetime | None]:
    """Return when a command must be started and finished, as far as that is known."""
    limits = facts.limits
    if facts.is_cancel:
        return None, facts.sent_at and facts.sent_at + timedelta(seconds=limits.cancel_within_s)
    received_at, started_at = reached.received_at, reached.started_at
    start_by = received_at and received_at + timedelta(seconds=limits.start_within_s)
    if started_at is None:
        return start_by, None
    usual_s = limits.finish_factor * facts.integration_s + limits.finish_margin_s
    told_s = reached.estimate_s - started_at.timestamp() + limits.estimate_margin_s
    return start_by, started_at + timedelta(seconds=max(usual_s, min(told_s, LONGEST_S)))


def _first_at(counted: Sequence[Ack], rank: int) -> datetime | None:
    return min((each.arrived_at for each in counted if each.rank >= rank), default=None)


def _stage_at(counted: Sequence[Ack], status: str) -> datetime | None:
    """Return when a stage was told of; one that was left out has the time of what followed."""
    own = [each.arrived_at for each in counted if each.status == status]
    return min(own, default=_first_at(counted, RANKS[status]))


def _progress(counted: Sequence[Ack]) -> Iterator[float]:
    for ack in counted:
        value = ack.progress_percent
        if value is not None and math.isfinite(value) and 0 <= value <= 100:  # noqa: PLR2004 percent
            yield value


def _greatest(acks: Iterator[Ack]) -> Ack | None:
    """Return the one that says most; of several the earliest by its own clock."""
    return min(acks, key=lambda each: (-each.rank, *_by_clock(each)), default=None)


def _by_clock(ack: Ack) -> tuple[int, str]:
    return ack.timestamp_ms, ack.ack_id
