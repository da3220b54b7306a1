"""Files on OwnCloud, each sent once: a row says what lies where; what is unchanged is skipped."""

import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from broker.config import config
from broker.db import transaction
from broker.failpoints import failpoint
from pipeline.clients.webdav import Content, WebDav, WebDavRefusedError, content
from pipeline.gw.steps import Done, Outcome, Skip, StepFailed, Wait
from pipeline.gw.tables import Delivery
from pipeline.ledger import shortened

CHANNEL = "owncloud"
"""Of deliveries."""
PAUSE_S = 600
"""After a refused login nobody logs in for so long: servers lock accounts that keep on failing."""
NOT_SET = "owncloud.url is not set"
BUDGET_S = 100.0
"""After so long nothing more is begun: the one file or folder that is on its way then may take all
of its time-outs, and the task still ends before its limit."""

_NOTHING = content(b"")
"""What a folder is recorded with."""
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
        Skip without an address in the settings; Wait after a refused login, whoever's it was: a
        person must act, and then everything goes on by itself. Wait, for no time, when a slow
        server has used up what one task may take; what has arrived is not sent again.

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
    if rests := _pause():
        return rests
    wanted: dict[str, Path | bytes | None] = {**dict.fromkeys(folders), **files}
    try:
        with WebDav.from_settings(settings) as dav:
            end, has_sent = time.monotonic() + BUDGET_S, False
            for path, source in wanted.items():
                if has_sent and time.monotonic() > end:
                    return Wait(0.0, "OwnCloud is slow: the others follow")
                has_sent |= _bring(dav, id_gw, path, source)
    except WebDavRefusedError as error:
        return _refused(error)
    return Done()


def lies_there(path: str, what: Content, kind: str = "file") -> bool:
    """Return whether these very bytes were put there before; of a folder, whether it was made."""
    with transaction() as session:
        found = session.scalar(
            select(Delivery.id).where(
                Delivery.channel == CHANNEL,
                Delivery.kind == kind,
                Delivery.key == path,
                Delivery.sha256 == what.sha256,
                Delivery.state == "sent",
            )
        )
    return found is not None


def _bring(dav: WebDav, id_gw: int, path: str, source: Path | bytes | None) -> bool:
    """Make a folder, or put a file in its place; tell whether it was not there yet."""
    if source is None:
        return _make(dav, id_gw, path)
    return _put(dav, id_gw, path, content(source))


def _make(dav: WebDav, id_gw: int, path: str) -> bool:
    """Make a folder; tell whether it was not made before."""
    if lies_there(path, _NOTHING, "folder"):
        return False
    dav.make_folder(path)
    remember(CHANNEL, id_gw, path, _NOTHING, "folder")
    return True


def _put(dav: WebDav, id_gw: int, path: str, what: Content) -> bool:
    """Put a file in its place; tell whether it was not there yet."""
    if lies_there(path, what):
        return False
    dav.upload(path, what)
    failpoint("file_moved")
    remember(CHANNEL, id_gw, path, what)
    log.info("file.shared", path=path, size_bytes=what.length_bytes)
    return True


def remember(channel: str, id_gw: int, path: str, what: Content, kind: str = "file") -> None:
    """Record that a file lies in its place; a later one in the same place takes over the row.

    A folder is recorded too: a server so slow that one task cannot make all of an event's is not
    asked for the same ones again.
    """
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
    place = {"channel": channel, "kind": kind, "key": path}
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
    values = {"state": "dead", "last_error": shortened(str(error)), "updated_at": func.now()}
    with transaction() as session:
        session.execute(
            insert(Delivery)
            .values(_login() | values)
            .on_conflict_do_update(index_elements=list(_login()), set_=values)
        )
    return Wait(PAUSE_S, str(error))


def _pause() -> Wait | None:
    """Return how long nobody logs in, and why; None without a login that was refused lately."""
    rest_s = PAUSE_S - func.extract("epoch", func.now() - Delivery.updated_at)
    mine = [getattr(Delivery, name) == value for name, value in _login().items()]
    refused = select(rest_s, Delivery.last_error).where(*mine, Delivery.state == "dead")
    with transaction() as session:
        found = session.execute(refused).one_or_none()
    return Wait(float(found[0]), found[1] or "") if found and found[0] > 0 else None


def _login() -> dict[str, str]:
    """Return the place of the row that says whether the login works: another has another row."""
    settings = config().owncloud
    return {"channel": CHANNEL, "kind": "login", "key": f"{settings.user} {settings.url}"}
