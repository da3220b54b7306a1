"""The ledger of what is done with a notice: one row per step, and what a step function promises.

A **step function** is ``run(step: Step) -> Outcome``; its line stands in ``step_registry``.

* It may be called again at any time: after a crash, and after its effect has happened already. So
  it asks first whether there is anything left to do, and a ``deliveries`` row proves that there is
  not.
* It calls other servers outside transactions only, with time-outs that sum below its queue's soft
  limit (``broker.queues.LIMITS_S``), and opens transactions of its own where it must remember
  something before it goes on (``deliveries``: sending, before the call).
* What it has found out it returns: ``Done(record)``. ``record(session)`` runs in the transaction
  that ends the step, which holds the step's row: if the row went to another in between, nothing is
  written. Steps that follow are given as ``then`` and are inserted in that transaction as well.
* ``Wait(seconds, why)``, or ``StepRestError`` raised: something else must come first; the attempt
  does not count. Nor does one that Slack was too busy for: it rests as long as Slack says.
  ``Skip(why)``, or ``StepSkipped`` raised: nothing to do here, for good.
* ``StepFailed``: no use to try again (``invalid_auth``); the step has failed until somebody presses
  *Retry*. Every other exception is a failed attempt: it rests 30 s · 2ⁿ, at most 30 min, and has
  failed for good after the attempts of its kind.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.celery import enqueue
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.queues import LIMITS_S
from pipeline import ledger
from pipeline.clients.slack_errors import SlackBusyError
from pipeline.gw.step_registry import TASK_OF, StepKind, kind, named
from pipeline.gw.tables import GwStep

log = structlog.get_logger(__name__)


class StepRestError(TransientError):
    """Something must settle first, for ``wait_s`` [s]; for functions that a step calls."""

    def __init__(self, why: str, wait_s: float) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class StepSkipped(Exception):
    """There is nothing to do here any more; as ``Skip``, for ``record``."""


class StepFailed(Exception):
    """A step cannot succeed however often it is tried; the message is for people."""


@dataclass(frozen=True)
class Step:
    """One step that a worker holds.

    Attributes
    ----------
    id : int
        ``gw_steps.id``.
    name : str
        Its kind.
    key : str
        Which one of its kind; of plans ``gw_plans.id``.
    id_gw, id_grb : int or None
        The notice or the GRB packet that it belongs to; one of the two.
    attempts : int
        This one included.
    owner : str
        Celery task id.
    """

    id: int
    name: str
    key: str
    id_gw: int | None
    id_grb: int | None
    attempts: int
    owner: str


@dataclass(frozen=True)
class Want:
    """A step that shall be done.

    Attributes
    ----------
    step : str
        Name of its kind.
    id_gw, id_grb : int or None
        Whose; exactly one of the two.
    key : str
        Which one of its kind.
    """

    step: str
    id_gw: int | None = None
    id_grb: int | None = None
    key: str = ""


class Bell(NamedTuple):
    """A step that a worker shall be told of, after the commit."""

    id: int
    step: str


@dataclass(frozen=True)
class Done:
    """The step has done what it is for.

    Attributes
    ----------
    record : callable, optional
        Writes the results in the transaction that ends the step; may return bells to ring.
    then : sequence of Want
        Steps that follow.
    """

    record: Callable[[Session], Sequence[Bell] | None] | None = None
    then: Sequence[Want] = ()


@dataclass(frozen=True)
class Wait:
    """Something else must come first."""

    seconds: float
    why: str


@dataclass(frozen=True)
class Skip:
    """There is nothing to do here, for good."""

    why: str


Outcome = Done | Wait | Skip


def want(session: Session, wants: Iterable[Want]) -> list[Bell]:
    """Insert steps that do not exist yet; return them, to be rung for after the commit.

    Raises
    ------
    KeyError
        If a step has no line in the registry: nobody could ever do it.
    """
    rows = [{**vars(wanted), "step": kind(wanted.step).name} for wanted in wants]
    if not rows:
        return []
    found = session.execute(
        insert(GwStep).values(rows).on_conflict_do_nothing().returning(GwStep.id, GwStep.step)
    )
    return [Bell(*row) for row in found]


def wake(session: Session, *conditions: Any) -> list[Bell]:
    """Let waiting steps be done now; for whoever brought what they wait for."""
    return _bells(session, ledger.wake(session, GwStep, *conditions))


def want_again(session: Session, *conditions: Any) -> list[Bell]:
    """Try steps again that have ended without success."""
    return _bells(session, ledger.want_again(session, GwStep, *conditions))


def cancel(session: Session, why: str, *conditions: Any) -> list[Bell]:
    """End steps that nobody works on; return bells of what follows from their end."""
    ids = ledger.cancel(session, GwStep, why, *conditions)
    rows = session.scalars(select(GwStep).where(GwStep.id.in_(ids)).order_by(GwStep.id))
    return [bell for row in rows for bell in _follow(session, _step(row, ""), "cancelled")]


def ring(bells: Iterable[Bell]) -> None:
    """Tell workers of steps, after the commit; a bell that is lost is rung again by the sweeper."""
    for bell in bells:
        queue = kind(bell.step).queue
        enqueue(TASK_OF[queue], queue, bell.id)


def run(step_id: int, owner: str) -> None:
    """Do one step, if it is due and nobody else does it; never raises for what the step did.

    Parameters
    ----------
    step_id : int
        ``gw_steps.id``.
    owner : str
        Celery task id.
    """
    with transaction() as session:
        name = session.scalar(select(GwStep.step).where(GwStep.id == step_id))
    if name is None:
        return  # its notice was deleted
    its_kind = kind(name)
    lease_s = LIMITS_S[its_kind.queue][1] + ledger.LEASE_MARGIN_S
    row = ledger.claim(GwStep, step_id, owner, lease_s)
    if row is None:
        return
    step = _step(row, owner)
    failpoint("step_claimed")
    with structlog.contextvars.bound_contextvars(
        step=name, step_id=step_id, id_gw=step.id_gw, id_grb=step.id_grb
    ):
        if step.attempts > its_kind.attempts:
            _end(step, "failed", f"its worker died {its_kind.attempts} times: {row.last_error}")
            return
        _settle(step, its_kind)


def _settle(step: Step, its_kind: StepKind) -> None:
    try:
        outcome = named(its_kind.function)(step)
        failpoint("step_worked")
        if isinstance(outcome, Done):
            _finish(step, outcome)
        elif isinstance(outcome, Wait):
            _give_back(step, outcome.seconds, outcome.why, is_counted=False)
        else:
            _end(step, "skipped", outcome.why)
    except StepFailed as error:
        _end(step, "failed", str(error))
    except StepSkipped as why:
        _end(step, "skipped", str(why))
    except (StepRestError, SlackBusyError) as error:
        _give_back(step, error.wait_s, str(error), is_counted=False)
    except Exception as error:
        if not isinstance(error, TransientError):
            log.exception("step.broke")
        _fail(step, its_kind, f"{type(error).__name__}: {error}")
    failpoint("step_ended")


def _finish(step: Step, outcome: Done) -> None:
    with transaction() as session:
        if not ledger.lock_mine(session, _held(step)):
            log.warning("step.lost")
            return
        bells = list(outcome.record(session) or ()) if outcome.record else []
        ledger.end(session, _held(step), "done")
        bells += want(session, outcome.then)
        bells += _follow(session, step, "done")
        failpoint("step_before_done")
    ring(bells)
    log.info("step.done", attempts=step.attempts)


def _fail(step: Step, its_kind: StepKind, error: str) -> None:
    if step.attempts >= its_kind.attempts:
        _end(step, "failed", error)
    else:
        rest_s = ledger.back_off_s(step.attempts, first_s=its_kind.back_off_s)
        _give_back(step, rest_s, error, is_counted=True)


def _end(step: Step, state: str, why: str) -> None:
    with transaction() as session:
        if not ledger.lock_mine(session, _held(step)):
            return
        ledger.end(session, _held(step), state, why)
        bells = _follow(session, step, state)
    ring(bells)
    log.warning("step.ended", state=state, why=why, attempts=step.attempts)


def _give_back(step: Step, rest_s: float, why: str, *, is_counted: bool) -> None:
    with transaction() as session:
        is_due = ledger.give_back(session, _held(step), rest_s, why, is_counted=is_counted)
        bells = _bells(session, [step.id]) if is_due else []
    ring(bells)
    rest_s = 0 if is_due else round(rest_s)
    log.info("step.given_back", rest_s=rest_s, why=why, attempts=step.attempts)


def _follow(session: Session, step: Step, state: str) -> list[Bell]:
    ended = kind(step.name).ended
    return want(session, named(ended)(session, step, state)) if ended else []


def _bells(session: Session, ids: Sequence[int]) -> list[Bell]:
    found = session.execute(
        select(GwStep.id, GwStep.step).where(GwStep.id.in_(ids)).order_by(GwStep.id)
    )
    return [Bell(*row) for row in found]


def _step(row: Any, owner: str) -> Step:
    return Step(row.id, row.step, row.key, row.id_gw, row.id_grb, row.attempts, owner)


def _held(step: Step) -> ledger.Held:
    return ledger.Held(GwStep, step.id, step.owner, step.attempts)
