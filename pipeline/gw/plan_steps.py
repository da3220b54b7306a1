"""The steps that plan: ``plans`` makes rows of groups and plans, ``plan`` makes one of them.

A plan's process runs outside every transaction. Its row says whether it is still wanted: whoever
supersedes or cancels it changes the row, and the process is killed within seconds.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.db import transaction
from broker.errors import TransientError
from pipeline.catalogs.record import CatalogMissing
from pipeline.gw import (
    hosts,
    plan_groups,
    plan_process,
    plan_rows,
    planner,
    planning,
    standing,
    steps,
)
from pipeline.gw.act_forms import FormError
from pipeline.gw.action_tables import FOLLOW_UP, GwSlackAction, last_decision
from pipeline.gw.life import CARD_AGAIN, DECIDED, HEADLINE, PLAN, REPORT, RUN_FAILED, UPLOAD
from pipeline.gw.plan_clock import StageClock
from pipeline.gw.plan_job import (
    Galaxy,
    PlanJob,
    Pointing,
    read_result,
    read_stage,
    write_job,
)
from pipeline.gw.plan_process import Ended, Limits
from pipeline.gw.plan_tables import OPEN_PLAN_STATES, GwClaim, GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.sky_index import SkyIndex
from pipeline.gw.skymap import SkyMap
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, StepSkipped, Wait, Want
from pipeline.gw.strategies import GALAXIES
from pipeline.gw.tables import GwAlert, GwSkymap, GwStep
from pipeline.gw.telescopes import telescope

ALL_FILE = "all_file"
NO_MAP = "the notice has no usable sky map"
NO_PLANNER = "waits for gwemopt, which makes plans and is not installed here yet"
TOO_LATE = "the window ended before gwemopt was installed: make plans"
PLANNER_ASKED_S = 20
_ACTION_KEY = "action-"
_OF_CLAIMS = ("claimed", "done")

log = structlog.get_logger(__name__)


class PlanDiedError(TransientError):
    """A plan's process was killed, or broke: it is tried again."""


def start(step: Step) -> Outcome:
    """Make the groups and plans of one run; the key says who asked: ``action-N`` is a click."""
    with transaction() as session:
        alert = session.get_one(GwAlert, step.id_gw)
        has_map = alert.skymap_id is not None
        run = _run(session, step)
    if not has_map:
        return Skip(NO_MAP)

    def record(session: Session) -> None:
        alert = session.get_one(GwAlert, step.id_gw)
        if why := standing.obstacle(session, alert):
            raise StepSkipped(why)
        groups, plans = plan_groups.insert(session, alert, run)
        wanted.extend(
            Want(PLAN, id_gw=step.id_gw, key=str(plan.id))
            for plan in plans
            if plan.state in OPEN_PLAN_STATES
        )
        wanted.extend(Want(REPORT, id_gw=group.id_gw, key=str(group.id)) for group in groups)
        for group in groups:
            plan_rows.settle_group(session, group.id)
        alert.is_process_running = not plan_rows.is_over(session, alert.id_gw)

    wanted: list[Want] = []  # known once the rows have their numbers, in that transaction
    return Done(record, wanted)


def started(session: Session, step: Step, state: str) -> list[Want]:
    """Close what the end of a run's beginning closes; tell of a run that could not begin."""
    planning.settle_running(session, [step.id_gw] if step.id_gw else [])
    is_planned = session.scalar(select(GwAlert.is_process_running).filter_by(id_gw=step.id_gw))
    told = [Want(RUN_FAILED, id_gw=step.id_gw, key=str(step.id))] if state == "failed" else []
    file = [ALL_FILE] if state == "done" else []
    return told if is_planned else [*_over(step.id_gw, f"plans-{step.id}", *file), *told]


def make(step: Step) -> Outcome:
    """Make one plan: its process, its rows. A plan that is not wanted any more is skipped.

    Raises
    ------
    StepFailed
        If trying again is of no use: no such telescope, no galaxies, out of time or memory.
    PlanDiedError
        If the process broke.
    """
    plan_id = int(step.key)
    if why := plan_rows.stop_reason(plan_id):
        return Skip(why)
    if not planner.is_here():
        return _wait_for_planner(plan_id)
    with transaction() as session:
        # Nothing is locked: a newer notice may end the plan while map and galaxies are read.
        job, fits = _job(session, session.get_one(GwPlan, plan_id))
    folder, clock = _fresh_folder(plan_id), StageClock(job.strategy, job.telescope.name)
    write_job(job, fits, folder)
    ended = plan_process.run(
        plan_process.command(folder),
        folder,
        _limits(),
        started=lambda pid: plan_rows.note_start(plan_id, pid),
        stop_reason=lambda: _look(step, folder, clock),
    )
    clock.end(ended.duration_s)
    if ended.stopped:
        return Skip(ended.stopped)
    _raise_failure(ended)
    result = read_result(folder)
    for row in result.removed:
        log.warning("plan.row_removed", tile_id=row.tile_id, start=str(row.start), why=row.why)

    def record(session: Session) -> None:
        standing.lock_event(session, job.event)
        if plan_rows.open_plan(session, plan_id) is not None:
            plan_rows.store(session, plan_id, result)

    return Done(record, [Want(UPLOAD, id_gw=step.id_gw, key=step.key)])


def _look(step: Step, folder: Path, clock: StageClock) -> str:
    """Tell people how far a plan is, where that is news; return why it shall stop, or nothing."""
    plan_id, stage = int(step.key), read_stage(folder)
    clock.see(stage)
    if stage:
        with transaction() as session:
            group_id = plan_rows.note_stage(session, plan_id, stage)
            key = f"{group_id}::{plan_id}-{step.attempts}-{stage}"
            wants = [] if group_id is None else [Want(REPORT, id_gw=step.id_gw, key=key)]
            bells = steps.want(session, wants)
        steps.ring(bells)
    return plan_rows.stop_reason(plan_id)


def ended(session: Session, step: Step, state: str) -> list[Want]:
    """Close what the end of a plan's step closes: its plan, its group, its run."""
    plan = session.get(GwPlan, int(step.key))
    if plan is None:
        return []
    # Before its rows: whoever stores a notice locks them in this order too.
    standing.lock_event(session, session.get_one(GwAlert, plan.id_gw).trigger_id)
    if plan.state in OPEN_PLAN_STATES:
        plan.state = state
        plan.reason = session.scalar(select(GwStep.last_error).where(GwStep.id == step.id))
        plan.ended_at = func.now()
        session.flush()
    follow = [Want(REPORT, id_gw=plan.id_gw, key=f"{plan.group_id}:{plan.id}")]
    plan_rows.settle_group(session, plan.group_id)
    planning.settle_running(session, [plan.id_gw])
    if plan_rows.is_over(session, plan.id_gw):
        follow += _over(plan.id_gw, f"plan-{plan.id}", ALL_FILE)
        follow += _told_again(session, plan.id_gw)
    return follow


def _wait_for_planner(plan_id: int) -> Wait | Skip:
    with transaction() as session:
        plan = plan_rows.open_plan(session, plan_id)
        if plan is None:
            return Skip("it was ended meanwhile")
        if datetime.now(UTC) > session.get_one(GwPlanGroup, plan.group_id).window_end:
            raise StepFailed(TOO_LATE)
        plan.reason = NO_PLANNER
    return Wait(PLANNER_ASKED_S, NO_PLANNER)


def _run(session: Session, step: Step) -> plan_groups.Run:
    now = datetime.now(UTC)
    if not step.key.startswith(_ACTION_KEY):
        return plan_groups.default_run(now, "replan" if step.key else "auto")
    action = session.get_one(GwSlackAction, int(step.key.removeprefix(_ACTION_KEY)))
    who = action.user_name or action.user_id
    if action.form is None:
        return plan_groups.default_run(now, "manual", who)
    try:
        return plan_groups.run_of_form(action.form, who)
    except FormError as error:
        raise StepFailed(f"the form cannot be planned: {error}") from None


def _job(session: Session, plan: GwPlan) -> tuple[PlanJob, bytes]:
    alert = session.get_one(GwAlert, plan.id_gw)
    group = session.get_one(GwPlanGroup, plan.group_id)
    sky_map = session.get(GwSkymap, alert.skymap_id) if alert.skymap_id else None
    if sky_map is None:
        raise StepFailed(NO_MAP)
    if alert.event_time is None:
        raise StepFailed("the notice has no event time")
    settings = config().gw.plans
    now = datetime.now(UTC)  # later than the window's start where a plan has waited
    is_late = group.window_start < now < group.window_end
    job = PlanJob(
        event=alert.trigger_id,
        telescope=telescope(plan.telescope),
        strategy=cast("Any", plan.strategy),
        event_time=alert.event_time,
        start=now if is_late else group.window_start,
        end=group.window_end,
        max_tiles=plan.max_tiles,
        exposure_s=group.exposure_s,
        airmass_max=settings.airmass_max,
        confidence=settings.confidence,
        galaxies=_galaxies(session, plan, sky_map),
        observed=_observed(session, alert, plan.telescope),
    )
    return job, sky_map.fits


def _galaxies(session: Session, plan: GwPlan, stored: GwSkymap) -> tuple[Galaxy, ...]:
    if plan.strategy != GALAXIES:
        return ()
    sky_map = SkyMap.from_fits(stored.fits)
    if sky_map.distance is None:
        raise StepFailed(plan_groups.NO_DISTANCE)
    index = SkyIndex.of(sky_map)
    farthest_mpc = sky_map.distance.mean_mpc + hosts.SIGMAS * sky_map.distance.std_mpc
    settings = config().gw.plans
    try:
        rows = hosts.read(session, index, settings.confidence, farthest_mpc)
    except CatalogMissing as error:
        raise StepFailed(str(error)) from None
    return hosts.best(rows, index, settings.galaxies_kept)


def _observed(session: Session, alert: GwAlert, name: str) -> tuple[Pointing, ...]:
    """Return what was taken or observed with a telescope for this event, on whichever notice."""
    rows = session.execute(
        select(GwPlanTile.ra_deg, GwPlanTile.dec_deg)
        .join(GwClaim, GwClaim.tile_id == GwPlanTile.id)
        .join(GwPlan, GwPlan.id == GwPlanTile.plan_id)
        .join(GwAlert, GwAlert.id_gw == GwPlan.id_gw)
        .where(
            GwAlert.trigger_id == alert.trigger_id,
            GwPlan.telescope == name,
            GwClaim.state.in_(_OF_CLAIMS),
        )
    )
    return tuple(Pointing(ra_deg=ra, dec_deg=dec) for ra, dec in rows)


def _fresh_folder(plan_id: int) -> Path:
    folder = plan_folder(plan_id)
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt whose worker died
    folder.mkdir(parents=True)
    return folder


def plan_folder(plan_id: int) -> Path:
    """Return where a plan's files lie."""
    return project_path(config().home) / plan_rows.FOLDER / str(plan_id)


def _limits() -> Limits:
    settings = config().gw.plans
    return Limits(settings.time_limit_s, settings.memory_bytes, settings.output_bytes)


def _raise_failure(found: Ended) -> None:
    if not found.failure:
        return
    log.warning("plan.failed", cause=found.failure, duration_s=round(found.duration_s, 1))
    if found.is_crash:
        raise PlanDiedError(found.failure)
    raise StepFailed(found.failure)


def _over(id_gw: int | None, cause: str, *more: str) -> list[Want]:
    """Return steps that write card and announcement anew, and more: nothing is planned any more."""
    return [Want(name, id_gw=id_gw, key=cause) for name in (CARD_AGAIN, HEADLINE, *more)]


def _told_again(session: Session, id_gw: int) -> list[Want]:
    """Return the step that tells a decision again, where plans were decided and can be observed."""
    alert = session.get_one(GwAlert, id_gw)
    decided = last_decision(session, alert.trigger_id)
    if decided is None or decided.decision != FOLLOW_UP:
        return []
    if alert.state != "current" or not plan_rows.is_ready(session, id_gw):
        return []
    return [Want(DECIDED, id_gw=id_gw, key=f"{decided.id}:ready")]
