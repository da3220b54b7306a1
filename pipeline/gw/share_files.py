"""Files on OwnCloud, each sent once: a row says what lies where; what is unchanged is skipped."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from broker.config import config
from broker.db import transaction
from broker.failpoints import failpoint
from pipeline.clients.webdav import Content, WebDav, WebDavRefusedError, content
from pipeline.gw.steps import Done, Outcome, Skip, StepFailed, Wait
from pipeline.gw.tables import Delivery, GwStep

CHANNEL = "owncloud"
"""Of deliveries."""
STEPS = ("folders", "share_notice", "upload")
"""Steps that need OwnCloud, by name."""
PAUSE_S = 600
"""After a refused login nobody logs in for so long: servers lock accounts that keep on failing."""
NOT_SET = "owncloud.url is not set"

_LOGIN_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

log = structlog.get_logger(__name__)


def share(id_gw: int, files: Mapping[str, Path | bytes], folders: Iterable[str] = ()) -> Outcome:
    """Make folders, and put files in their places; what lies there already as it is, is skipped.

    Parameters
    ----------
    id_gw : int
        The notice that the files belong to.
    files : mapping of str to Path or bytes
        By path below OwnCloud's address.
    folders : iterable of str
        Paths below the same.

    Returns
    -------
    Done, Skip or Wait
        Skip without an address in the settings; Wait after a refused login, which also makes the
        other steps wait: a person must act, and then they go on by themselves.

    Raises
    ------
    StepFailed
        If OwnCloud refuses for another reason, as for want of space.
    TransientError
        If it is away or busy; files that have arrived are not sent again.
    """
    settings = config().owncloud
    if not settings.url:
        return Skip(NOT_SET)
    try:
        with WebDav.from_settings(settings) as dav:
            for folder in folders:
                dav.make_folder(folder)
            for path, source in files.items():
                _put(dav, id_gw, path, content(source))
    except WebDavRefusedError as error:
        return _refused(error)
    return Done()


def lies_there(path: str, what: Content) -> bool:
    """Return whether these very bytes were put there before."""
    with transaction() as session:
        found = session.scalar(
            select(Delivery.id).where(
                Delivery.channel == CHANNEL,
                Delivery.kind == "file",
                Delivery.key == path,
                Delivery.sha256 == what.sha256,
                Delivery.state == "sent",
            )
        )
    return found is not None


def _put(dav: WebDav, id_gw: int, path: str, what: Content) -> None:
    if lies_there(path, what):
        return
    dav.upload(path, what)
    failpoint("file_moved")
    remember(CHANNEL, id_gw, path, what)
    log.info("file.shared", path=path, size_bytes=what.length_bytes)


def remember(channel: str, id_gw: int, path: str, what: Content) -> None:
    """Record that a file lies in its place; a later one in the same place takes over the row."""
    values = {
        "id_gw": id_gw,
        "state": "sent",
        "path": path,
        "sha256": what.sha256,
        "size_bytes": what.length_bytes,
        "last_error": None,
        "sent_at": func.now(),
        "updated_at": func.now(),
    }
    place = {"channel": channel, "kind": "file", "key": path}
    with transaction() as session:
        session.execute(
            insert(Delivery)
            .values(place | values)
            .on_conflict_do_update(index_elements=list(place), set_=values)
        )


def _refused(error: WebDavRefusedError) -> Outcome:
    log.error("owncloud.refused", error=str(error), stops_all=error.stops_all)
    if error.status not in _LOGIN_REFUSED:
        raise StepFailed(str(error)) from None
    rest = func.now() + timedelta(seconds=PAUSE_S)
    with transaction() as session:
        session.execute(
            update(GwStep)
            .where(GwStep.step.in_(STEPS), GwStep.state == "wanted", GwStep.not_before < rest)
            .values(not_before=rest, ring_at=rest, last_error=str(error))
        )
    return Wait(PAUSE_S, str(error))
