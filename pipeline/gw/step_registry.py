"""Every step of a notice or GRB packet: what does it, on which queue, how often it is tried.

Adding a step is one line here and one function (its contract: ``steps``). Functions are named as
text and imported when they are first needed: a worker that plans never loads Slack's client.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from broker.registry import by_name
from pipeline.ledger import BACK_OFF_S

# Pictures take seconds to draw and edits come by the dozen: on the queue ``gw`` neither keeps a new
# notice, or its retraction, waiting on ``notify``.
TASK_OF = {"gw": "gw.step", "notify": "gw.tell", "sinks": "gw.share", "plans": "gw.plan"}
"""The task that runs a queue's steps: the time limits are the task's."""
ATTEMPTS = 8


@dataclass(frozen=True)
class StepKind:
    """One kind of step.

    Attributes
    ----------
    name : str
        As in ``gw_steps.step``.
    function : str
        ``module:function``; takes a ``steps.Step`` and returns a ``steps.Outcome``.
    queue : str
        Celery queue; decides the time limits.
    attempts : int
        After so many it has failed, until somebody presses *Retry*.
    ended : str
        ``module:function`` called in the transaction that ends the step, however it ends; empty:
        nothing to be done. Takes the session, the ``steps.Step`` and its state, and returns the
        steps that follow.
    back_off_s : float
        It rests so long after the first attempt that failed, doubled by each further one [s].
    is_planning : bool
        While it is open, its notice ``is_process_running``.
    is_in_thread : bool
        It may wait for the event's thread, whose end wakes it.
    carries_files : bool
        It takes the files of a plan to people; they stay here until it has ended.
    """

    name: str
    function: str
    queue: str
    attempts: int = ATTEMPTS
    ended: str = ""
    back_off_s: float = BACK_OFF_S
    is_planning: bool = False
    is_in_thread: bool = False
    carries_files: bool = False


KINDS: tuple[StepKind, ...] = (
    StepKind("thread", "pipeline.gw.tell:thread", "notify"),
    StepKind("card", "pipeline.gw.tell:card", "notify", is_in_thread=True),
    StepKind("picture", "pipeline.gw.tell_picture:picture", "gw", is_in_thread=True),
    StepKind("retract", "pipeline.gw.tell_retracted:retract", "notify", is_in_thread=True),
    StepKind("withdraw", "pipeline.gw.withdrawal:withdraw_commands", "gw"),
    StepKind("mark_retracted", "pipeline.gw.tell_retracted:mark", "gw"),
    StepKind("card_again", "pipeline.gw.tell:card_again", "gw"),
    StepKind("headline", "pipeline.gw.tell:headline", "gw"),
    StepKind("tell_decision", "pipeline.gw.tell_acts:decision", "notify"),
    StepKind("tell_manual", "pipeline.gw.tell_acts:manual", "notify"),
    StepKind("tell_busy", "pipeline.gw.tell_acts:busy", "notify"),
    StepKind("tell_claim", "pipeline.gw.tell_acts:claim", "notify"),
    StepKind("tell_end", "pipeline.gw.tell_acts:end", "notify"),
    StepKind("tell_failed_run", "pipeline.gw.tell_acts:failed_run", "notify"),
    StepKind("no_doubles", "pipeline.gw.deliver:remove_doubles", "gw"),
    StepKind(
        "report", "pipeline.gw.report:report", "notify", is_in_thread=True, carries_files=True
    ),
    StepKind("folders", "pipeline.gw.share:folders", "sinks"),
    StepKind("share_notice", "pipeline.gw.share:share_notice", "sinks"),
    StepKind("notice_files", "pipeline.gw.notice_files:keep_notice", "sinks"),
    StepKind("upload", "pipeline.gw.share:upload", "sinks", carries_files=True),
    StepKind(
        "plans",
        "pipeline.gw.plan_steps:start",
        "gw",
        ended="pipeline.gw.plan_steps:started",
        is_planning=True,
    ),
    StepKind(
        "plan",
        "pipeline.gw.plan_steps:make",
        "plans",
        attempts=3,
        ended="pipeline.gw.plan_steps:ended",
        is_planning=True,
    ),
    StepKind("all_file", "pipeline.gw.plan_all:write", "sinks", ended="pipeline.gw.plan_all:ended"),
    StepKind("cleanup", "pipeline.gw.cleanup:cleanup", "sinks"),
    StepKind("grb_thread", "pipeline.gw.grb_tell:open_thread", "notify"),
    StepKind("grb_card", "pipeline.gw.grb_tell:tell_packet", "notify"),
    StepKind("grb_t90", "pipeline.gw.grb_t90:tell_t90", "notify", attempts=4, back_off_s=300.0),
    StepKind("circular", "pipeline.gw.gcn_tell:tell_circular", "notify"),
)
PLANNING = tuple(each.name for each in KINDS if each.is_planning)
IN_THREAD = tuple(each.name for each in KINDS if each.is_in_thread)
CARRIERS = tuple(each.name for each in KINDS if each.carries_files)


def kind(name: str) -> StepKind:
    """Return the kind called ``name``.

    Raises
    ------
    KeyError
        Naming the kinds that exist.
    """
    return by_name("step", name, KINDS)


@cache
def named(place: str) -> Any:
    """Return what stands at ``module:name``; its module is imported when it is first wanted."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
