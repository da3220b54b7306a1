"""What the fold takes and gives: words and facts of a command, and what they amount to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from nightjar_telescope.expiry import EXPIRED

RANKS = {"received": 1, "started": 2, "completed": 3, "failed": 3, "rejected": 3, "timeout": 3}
"""How far a command is; of two of one application the higher counts."""
END = 3


@dataclass(frozen=True)
class Limits:
    """How long a telescope may take [s]; see ``[telescope]`` of the settings."""

    start_within_s: float
    finish_factor: float
    finish_margin_s: float
    estimate_margin_s: float
    cancel_within_s: float


@dataclass(frozen=True)
class Ack:
    """An acknowledgment, as far as it matters here.

    Attributes
    ----------
    ack_id : str
        Breaks ties.
    status : str
        Key of ``RANKS``.
    timestamp_ms : int
        The application's own clock, Unix time [ms].
    application : str
        Who says so.
    arrived_at : datetime
        When our Kafka got it.
    progress_percent : float or None
        0 to 100 [%]; others are passed over.
    estimate_ms : int or None
        When it will be completed, Unix time [ms].
    error_code : str or None
        Why it failed.
    """

    ack_id: str
    status: str
    timestamp_ms: int
    application: str
    arrived_at: datetime
    progress_percent: float | None = None
    estimate_ms: int | None = None
    error_code: str | None = None

    @property
    def rank(self) -> int:
        """How far the command is, says it."""
        return RANKS[self.status]

    @property
    def is_expired(self) -> bool:
        """Whether it says that the application read the command too late to carry it out."""
        return self.status == "rejected" and self.error_code == EXPIRED


@dataclass(frozen=True)
class Cancel:
    """A command that cancels the one looked at: its state, and when that ended."""

    state: str
    finished_at: datetime | None


@dataclass(frozen=True)
class Facts:
    """What is known of a command beside its acknowledgments.

    Attributes
    ----------
    published : str
        requested, sending, unknown or sent.
    dropped_at : datetime or None
        When an operator dropped it before it was sent.
    is_cancel : bool
        Whether it cancels another one: then it has one deadline, behind its sending.
    integration_s : float
        Of the observation [s].
    sent_at, receive_by : datetime or None
        When it was put on its topic, and when it expires.
    required : collection of str
        Applications that count, and must all complete it; empty: any one's word counts.
    cancels : sequence of Cancel
        The commands that cancel it.
    limits : Limits
        The deadlines.
    """

    published: str
    dropped_at: datetime | None
    is_cancel: bool
    integration_s: float
    sent_at: datetime | None
    receive_by: datetime | None
    required: Collection[str]
    cancels: Sequence[Cancel]
    limits: Limits

    @property
    def cancelled_at(self) -> datetime | None:
        """When the first of its cancels was completed."""
        done = [c.finished_at for c in self.cancels if c.state == "completed" and c.finished_at]
        return min(done, default=None)


@dataclass(frozen=True)
class Outcome:
    """What a command has come to; names as in ``tables.TelescopeCommand``.

    Attributes
    ----------
    late : frozenset of str
        Acknowledgments (``ack_id``) that came when the command had ended.
    uncounted : frozenset of str
        Those that are shown, and count for nothing.
    """

    state: str
    timeout_stage: str | None = None
    ended_by: str | None = None
    late_status: str | None = None
    late_at: datetime | None = None
    received_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    start_by: datetime | None = None
    finish_by: datetime | None = None
    due_at: datetime | None = None
    progress_percent: float | None = None
    error_code: str | None = None
    late: frozenset[str] = frozenset()
    uncounted: frozenset[str] = frozenset()
