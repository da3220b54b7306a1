"""The steps that carry a notice to OwnCloud: its folders, itself with its map, its plans' files.

Only real events have folders, unless ``owncloud.mocks`` says otherwise. Where OwnCloud is not set
up, the steps are skipped.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.db import transaction
from pipeline.gw import plan_files, share_paths
from pipeline.gw.life import CARD_AGAIN
from pipeline.gw.notice_files import notice_content
from pipeline.gw.notices import REAL
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup
from pipeline.gw.share_files import share
from pipeline.gw.steps import Done, Outcome, Skip, Step, StepFailed, Want
from pipeline.gw.tables import GwAlert, GwSkymap

NO_FOLDER = "only real events have folders"


def folders(step: Step) -> Outcome:
    """Make the event's folders and the notice's own; the notice, and its card's link, follow."""
    alert = _alert(step)
    if not has_folder(alert):
        return Skip(NO_FOLDER)
    root = config().owncloud.root
    own = folder_of(alert)
    found = share(alert.id_gw, {}, [*share_paths.event_folders(root, alert.trigger_id), own])
    if not isinstance(found, Done):
        return found

    def record(session: Session) -> None:
        mine = update(GwAlert).where(GwAlert.id_gw == alert.id_gw)
        session.execute(mine.values(owncloud_url=own))

    return Done(
        record,
        [
            Want("share_notice", id_gw=alert.id_gw),
            Want(CARD_AGAIN, id_gw=alert.id_gw, key="folders"),
        ],
    )


def share_notice(step: Step) -> Outcome:
    """Put the notice, and its sky map as FITS, into the event's folder of notices."""
    alert = _alert(step)
    if not has_folder(alert):
        return Skip(NO_FOLDER)
    above = share_paths.event_folder(config().owncloud.root, alert.trigger_id)
    stem = share_paths.notice_stem(alert.trigger_id, alert.reception_count, alert.alert_type)
    place = f"{above}/{share_paths.NOTICES}/{stem}"
    files = {f"{place}.json": notice_content(alert)}
    with transaction() as session:
        sky_map = session.get(GwSkymap, alert.skymap_id) if alert.skymap_id else None
    if sky_map is not None:
        files[f"{place}.multiorder.fits"] = sky_map.fits
    return share(alert.id_gw, files)


def upload(step: Step) -> Outcome:
    """Put the tables and pictures of one plan into its group's folder; the key is the plan's id."""
    alert = _alert(step)
    if not has_folder(alert):
        return Skip(NO_FOLDER)
    with transaction() as session:
        plan = session.get(GwPlan, int(step.key))
        group = None if plan is None else session.get(GwPlanGroup, plan.group_id)
    if plan is None or group is None:
        return Skip("the plan is gone")
    if plan.folder is None:
        return Skip("the plan left no files")
    local = project_path(config().home) / plan.folder
    if not local.is_dir():
        raise StepFailed(f"{plan.folder} is not on this machine; it was made on {plan.host}")
    place = share_paths.plan_folder(folder_of(alert), plan.strategy, group.telescopes)
    files = {f"{place}/{path.relative_to(local)}": path for path in plan_files.for_teams(local)}
    return share(alert.id_gw, files)


def has_folder(alert: GwAlert) -> bool:
    """Tell whether the events of this kind have folders."""
    return alert.kind == REAL or config().owncloud.mocks


def folder_of(alert: GwAlert) -> str:
    """Return the folder of a notice's plans, whether it was made or not."""
    root = config().owncloud.root
    return share_paths.notice_folder(root, alert.trigger_id, alert.alert_type, alert.payload_sha256)


def _alert(step: Step) -> GwAlert:
    with transaction() as session:
        found = session.get(GwAlert, step.id_gw)
    if found is None:
        raise StepFailed("the notice is gone")
    return found
