"""What is thrown away, and when; nothing that OwnCloud shall have is, before it lies there."""

import os
import shutil
import socket
import time
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import Text, cast, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from broker.celery import worker_starting
from broker.config import config, project_path
from broker.db import lock, transaction
from broker.queues import LIMITS_S
from pipeline import ledger
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.grb_tables import GcnNotice, GrbAlert
from pipeline.gw.life import PLAN, UPLOAD
from pipeline.gw.notice_files import remove_old
from pipeline.gw.notices import REAL
from pipeline.gw.plan_job import JOB_FILE, MAP_FILE, RESULT_FILE, STAGE_FILE
from pipeline.gw.plan_process import LOG_FILE, remove_lost_scratch
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.step_registry import CARRIERS
from pipeline.gw.steps import Done, Outcome, Step
from pipeline.gw.tables import OPEN_STEP_STATES, GwAlert, GwSkymap, GwStep

SCRATCH_AGE_S = 86_400
OF_PROCESSES = (JOB_FILE, MAP_FILE, RESULT_FILE, STAGE_FILE, LOG_FILE)
"""In a plan's folder; nobody asks for them once the plan has ended."""
JOBS = "plans"
"""Folder of plan processes, below nightjar's home; one folder in it per plan."""

DEAD_AFTER_S = 2.0 * LIMITS_S["plans"][1]
"""A scratch folder as old as that has outlived whoever made it."""

_LOCK = "gw.clean_up"

log = structlog.get_logger(__name__)


def cleanup(step: Step) -> Outcome:
    """Remove what only the processes of a notice's plans needed; tables and pictures stay."""
    with transaction() as session:
        plans = session.scalars(
            select(GwPlan).where(GwPlan.id_gw == step.id_gw, GwPlan.folder.is_not(None))
        ).all()
    for folder in filter(None, map(_folder, plans)):
        for name in OF_PROCESSES:
            (folder / name).unlink(missing_ok=True)
    return Done()


@worker_starting
def remove_left_scratch() -> None:
    """Remove what plan workers that were killed left on this machine, when a worker starts."""
    if folders := remove_lost_scratch(DEAD_AFTER_S):
        log.info("gw.scratch_removed", folders=folders)


@worker_starting
def free_lost_plans() -> None:
    """Let plans be made again whose processes died on this machine, when a worker starts.

    A pool that was killed whole leaves nobody who would see it; the leases last for minutes.
    """
    with transaction() as session:
        running = session.execute(
            select(GwPlan.id, GwPlan.pid).where(
                GwPlan.state == "running", GwPlan.host == socket.gethostname()
            )
        )
        lost = [str(plan_id) for plan_id, pid in running if pid and not _is_alive(pid)]
        ledger.free(session, GwStep, GwStep.step == PLAN, GwStep.key.in_(lost))
    if lost:
        log.info("gw.lost_plans_freed", plans=len(lost))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def clean_up() -> None:
    """Throw away what policy says; safe to repeat, and beside a second copy.

    Files of plans after some weeks, unless somebody still has to carry them; maps of mocks and
    tests beyond the newest few, their rows and the packets of tests after some days, messages of
    other missions, clicks that belong to no notice and notice files after a year, folders of plan
    processes that nobody names after a day.
    """
    settings = config().gw
    with lock(_LOCK) as is_mine:
        if not is_mine:
            return
        with transaction() as session:
            maps = _drop_mock_maps(session, settings.mock_maps_kept)
            rows = _drop_tests(session, timedelta(days=settings.mock_retention_days))
            year = timedelta(days=settings.notice_retention_days)
            messages = _drop_messages(session, year) + _drop_refused(session, year)
        files = 0
        if settings.notice_dir:
            files = remove_old(project_path(settings.notice_dir), settings.notice_retention_days)
        plans = _drop_plan_files(timedelta(days=settings.plans.files_days))
        folders = remove_scratch(project_path(config().home) / JOBS)
        folders += remove_lost_scratch(DEAD_AFTER_S)
    log.info(
        "gw.cleaned",
        maps=maps,
        rows=rows,
        messages=messages,
        files=files,
        plans=plans,
        folders=folders,
    )


def remove_scratch(jobs: Path) -> int:
    """Remove folders of plan processes that no plan names and nobody touched for a day.

    Parameters
    ----------
    jobs : Path
        The folder that they lie in.

    Returns
    -------
    int
        How many that were.
    """
    if not jobs.is_dir():
        return 0
    with transaction() as session:
        named = set(session.scalars(select(GwPlan.folder).where(GwPlan.folder.is_not(None))))
    home = project_path(config().home)
    removed = 0
    for folder in jobs.iterdir():
        is_old = time.time() - folder.stat().st_mtime > SCRATCH_AGE_S
        if folder.is_dir() and is_old and str(folder.relative_to(home)) not in named:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _drop_plan_files(age: timedelta) -> int:
    """Remove the folders of plans that ended so long ago; what OwnCloud shall have, it has."""
    is_on_its_way = GwStep.step.in_(CARRIERS) & GwStep.state.in_(OPEN_STEP_STATES)
    was_not_sent = (
        (GwStep.step == UPLOAD)
        & (GwStep.key == cast(GwPlan.id, Text))
        & (GwStep.state == "failed")  # somebody may press Retry
    )
    is_needed = select(GwStep.id).where(GwStep.id_gw == GwPlan.id_gw, is_on_its_way | was_not_sent)
    with transaction() as session:
        old = GwPlan.folder.is_not(None), GwPlan.ended_at < func.now() - age
        plans = session.scalars(select(GwPlan).where(*old, ~is_needed.exists())).all()
    for plan in plans:
        if folder := _folder(plan):
            shutil.rmtree(folder, ignore_errors=True)
            with transaction() as session:
                session.execute(update(GwPlan).where(GwPlan.id == plan.id).values(folder=None))
    return len(plans)


def _folder(plan: GwPlan) -> Path | None:
    """Return where a plan's files lie; None, and a complaint, where that is none of ours."""
    home = project_path(config().home).resolve()
    folder = (home / str(plan.folder)).resolve()
    if folder.is_relative_to(home) and folder != home:
        return folder
    log.error("cleanup.strange_folder", plan_id=plan.id, folder=plan.folder)
    return None


def _drop_mock_maps(session: Session, kept: int) -> int:
    """Delete maps that only mocks and tests have, but for those of their newest notices."""
    real = aliased(GwAlert)
    newest = (
        select(GwAlert.skymap_id)
        .where(GwAlert.kind != REAL, GwAlert.skymap_id.is_not(None))
        .group_by(GwAlert.skymap_id)
        .order_by(func.max(GwAlert.id_gw).desc())
        .limit(kept)
    )
    is_real = select(real.id_gw).where(
        real.kind == REAL,
        (real.skymap_id == GwSkymap.id) | (real.combined_skymap_id == GwSkymap.id),
    )
    old = GwSkymap.created_at < func.now() - timedelta(hours=1)  # its notice may be on its way
    found = session.execute(
        delete(GwSkymap)
        .where(old, GwSkymap.id.not_in(newest), ~is_real.exists())
        .returning(GwSkymap.id)
    )
    return len(found.all())


def _drop_tests(session: Session, age: timedelta) -> int:
    """Delete notices of mocks and tests, with all that hangs on them, and packets of tests."""
    notices = session.execute(
        delete(GwAlert)
        .where(GwAlert.kind != REAL, GwAlert.received_at < func.now() - age)
        .returning(GwAlert.id_gw)
    )
    packets = session.execute(
        delete(GrbAlert)
        .where(GrbAlert.role == "test", GrbAlert.received_at < func.now() - age)
        .returning(GrbAlert.id_grb)
    )
    return len(notices.all()) + len(packets.all())


def _drop_messages(session: Session, age: timedelta) -> int:
    found = session.execute(
        delete(GcnNotice).where(GcnNotice.received_at < func.now() - age).returning(GcnNotice.id)
    )
    return len(found.all())


def _drop_refused(session: Session, age: timedelta) -> int:
    """Delete clicks that were refused before they led to a notice: nothing else deletes them."""
    found = session.execute(
        delete(GwSlackAction)
        .where(
            GwSlackAction.id_gw.is_(None),
            GwSlackAction.state.not_in(OPEN_STEP_STATES),
            GwSlackAction.ended_at < func.now() - age,
        )
        .returning(GwSlackAction.id)
    )
    return len(found.all())
