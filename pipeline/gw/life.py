"""What a notice means for its event: which notice counts, and what shall be done.

Pure functions of what is known. The states depend on the set of an event's notices, not on the
order in which they came: Kafka, a fetch by hand and a replay may bring them in any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.gw.notices import REAL, RETRACTION

THREAD = "thread"
CARD = "card"
PICTURE = "picture"
RETRACT = "retract"
WITHDRAW = "withdraw"
"""Of what telescopes were asked for."""
FOLDERS = "folders"
NOTICE_FILES = "notice_files"
PLANS = "plans"
PLAN = "plan"
CARD_AGAIN, HEADLINE = "card_again", "headline"
"""Edits of what was posted; their key is what they are for."""
MARK_RETRACTED = "mark_retracted"
"""The edit of what has no step of its own; its key is ``deliveries.id:cause``."""
REPORT = "report"
UPLOAD = "upload"
DECIDED = "tell_decision"
RUN_FAILED = "tell_failed_run"


@dataclass(frozen=True)
class Told:
    """What a notice says of its event's state.

    Attributes
    ----------
    alert_type : str
        As in ``gw_alerts``.
    time_created : datetime
        When it was made.
    sha256 : str
        Decides between two made at one time.
    """

    alert_type: str
    time_created: datetime
    sha256: str

    @property
    def is_retraction(self) -> bool:
        """Tell whether it takes the event back."""
        return self.alert_type == RETRACTION


def states(notices: Sequence[Told]) -> list[str]:
    """Return the state of each notice of one event, in their order.

    Parameters
    ----------
    notices : sequence of Told
        All that are known of the event.

    Returns
    -------
    list of str
        ``current``: the newest that no retraction takes back; at most one. ``superseded``: older
        ones. ``retracted``: not newer than a retraction, and that retraction. ``ignored``: a
        retraction of nothing that is known.
    """
    retracted_until = max(
        (each.time_created for each in notices if each.is_retraction), default=None
    )
    living = [
        each
        for each in notices
        if not each.is_retraction
        and (retracted_until is None or each.time_created > retracted_until)
    ]
    newest = max(living, key=lambda each: (each.time_created, each.sha256), default=None)
    return [_state(each, notices, living, newest) for each in notices]


def _state(
    notice: Told, notices: Sequence[Told], living: Sequence[Told], newest: Told | None
) -> str:
    if notice.is_retraction:
        is_of_something = any(
            not each.is_retraction and each.time_created <= notice.time_created for each in notices
        )
        return "retracted" if is_of_something else "ignored"
    if notice not in living:
        return "retracted"
    return "current" if notice == newest else "superseded"


@dataclass(frozen=True)
class Rules:
    """What happens by itself.

    Attributes
    ----------
    max_age_s : float
        An older notice is stored without a word [s].
    plans_early_warnings, plans_mocks : bool
        Whether these plan by themselves.
    shares_mocks : bool
        Whether mocks and tests have folders too.
    """

    max_age_s: float = 86_400.0
    plans_early_warnings: bool = True
    plans_mocks: bool = False
    shares_mocks: bool = False


@dataclass(frozen=True)
class Situation:
    """One notice among those of its event, as it is stored.

    Attributes
    ----------
    state, kind, alert_type : str
        Of the notice.
    is_significant, is_silent : bool
        Of the notice.
    has_map : bool
        A map that can be used.
    shares_mocks : bool
        As the rules have it.
    plans_itself : bool
        Its score is high enough, and the rules let it.
    has_thread : bool
        The event is told of in a thread, or shall be.
    """

    state: str
    kind: str
    alert_type: str
    is_significant: bool = True
    is_silent: bool = False
    has_map: bool = True
    shares_mocks: bool = False
    plans_itself: bool = False
    has_thread: bool = False


def wanted_steps(now: Situation) -> list[str]:
    """Return the steps of a notice that was just stored, in the order of their bells."""
    if now.alert_type == RETRACTION:
        if now.state != "retracted":
            return []
        return [CARD, RETRACT, WITHDRAW] if now.has_thread else [WITHDRAW]
    if now.state == "retracted" or now.is_silent:
        return []
    if not (now.is_significant or now.has_thread):
        return []
    steps = [CARD] if now.has_thread else [THREAD, CARD]
    if now.has_map:
        steps.append(PICTURE)
    if now.kind == REAL:
        steps += [FOLDERS, NOTICE_FILES]
    elif now.shares_mocks:
        steps.append(FOLDERS)
    if now.plans_itself and now.state == "current":
        steps.append(PLANS)
    return steps


def is_silent(time_created: datetime, received_at: datetime, rules: Rules) -> bool:
    """Tell whether a notice is too old for Slack when it comes."""
    return (received_at - time_created).total_seconds() > rules.max_age_s
