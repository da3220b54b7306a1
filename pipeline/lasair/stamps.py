"""Images for alerts that carry none: a request for each detection, worked like a step.

A request rests while ALeRCE is away, as every step does, and looks again after minutes to a day
while an image is not there yet. What is still not there then is missing: visible, and tried again
by ``manage.py fetch_cutouts --missing``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.celery import enqueue
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.host import QUEUE, host_queue, this_host
from broker.queues import LIMITS_S
from pipeline import ledger
from pipeline.clients.alerce import AlerceError
from pipeline.lasair.fetch import AlerceBusyError, Fetched, Wanted, fetch, unix_s_to_jd_utc
from pipeline.lasair.images import Image, kept, note, write
from pipeline.lasair.message import LasairMessage
from pipeline.lasair.tables import IMAGE_KINDS, StampRequest

TASK = "lasair.stamps"
ATTEMPTS = 8
"""That end in trouble, not those that find nothing."""
LOOK_AGAIN_S = (300, 1800, 7200, 43_200, 86_400)
"""After an image was not there; ALeRCE shows some only hours after the alert."""
BUSY_S = 5.0
NOWHERE = "neither our archive has it nor is ALeRCE set (alerce.ztf_url, alerce.lsst_url)"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Request:
    """One request that a worker holds, with the state of each of its images."""

    id: int
    survey: str
    object_id: str
    jd_utc: float | None
    detected_at: datetime
    looks: int
    states: dict[str, str]

    @classmethod
    def of(cls, row: Any) -> "Request":
        """Return the request of a row."""
        return cls(
            row.id,
            row.survey,
            row.object_id,
            row.jd_utc,
            row.detected_at,
            row.looks,
            {kind: getattr(row, f"{kind}_state") for kind in IMAGE_KINDS},
        )

    @property
    def wanted(self) -> Wanted:
        """Return what is still to be fetched."""
        kinds = [kind for kind, state in self.states.items() if state != "present"]
        about = self.jd_utc or unix_s_to_jd_utc(self.detected_at.timestamp())
        return Wanted(self.survey, self.object_id, self.jd_utc, about, kinds)


def want(session: Session, survey: str, messages: Iterable[LasairMessage]) -> list[int]:
    """Ask for the images of detections that nobody asked for yet; return the requests' ids.

    Several filters tell of one detection: its images are fetched once, and to this host's disk.
    """
    rows = [
        {
            "host": this_host(),
            "survey": survey,
            "object_id": each.object_id,
            "jd_utc": each.jd_utc,
            "detected_at": each.detected_at,
        }
        for each in messages
    ]
    if not rows or not config().lasair.cutouts:
        return []
    new = insert(StampRequest).on_conflict_do_nothing().returning(StampRequest.id)
    return list(session.scalars(new, rows))


def ring(host: str, ids: Iterable[int]) -> None:
    """Tell workers of a host of its requests, after the commit; the sweeper rings for lost ones."""
    for request_id in ids:
        enqueue(TASK, host_queue(host), request_id)


def run(request_id: int, owner: str) -> None:
    """Fetch what one request wants, if it is due and nobody else does; never raises for ALeRCE.

    Parameters
    ----------
    request_id : int
        ``stamp_requests.id``.
    owner : str
        Celery task id, or whoever calls.
    """
    lease_s = LIMITS_S[QUEUE][1] + ledger.LEASE_MARGIN_S
    row = ledger.claim(StampRequest, request_id, owner, lease_s)
    if row is None:
        return
    held = ledger.Held(StampRequest, row.id, owner, row.attempts)
    if row.attempts > ATTEMPTS:
        _end(held, "failed", f"its worker died {ATTEMPTS} times: {row.last_error}")
        return
    request = Request.of(row)
    with structlog.contextvars.bound_contextvars(
        request_id=row.id, survey=row.survey, object_id=row.object_id
    ):
        _work(held, request)


def _work(held: ledger.Held, request: Request) -> None:
    try:
        found = fetch(request.wanted)
        if found is None:
            _end(held, "skipped", NOWHERE)
            return
        images = [kept(kind, image) for kind, image in found.images.items()]
        written = write(request.object_id, request.detected_at, images)
        failpoint("image_written")
        _record(held, request, found, images, written)
    except AlerceBusyError as error:
        _rest(held, BUSY_S, str(error), is_counted=False)
    except AlerceError as error:
        _end(held, "failed", str(error))
    except Exception as error:
        if not isinstance(error, TransientError):
            log.exception("stamps.broke")
        if held.attempts >= ATTEMPTS:
            _end(held, "failed", repr(error))
        else:
            rest_s = ledger.back_off_s(held.attempts)
            _rest(held, rest_s, repr(error), is_counted=True)


def _record(
    held: ledger.Held,
    request: Request,
    found: Fetched,
    images: Sequence[Image],
    written: Sequence[Any],
) -> None:
    """Write down what is there and what is not, and end the request or let it look again."""
    states = request.states | {image.kind: image.state for image in images}
    without = {kind: state for kind, state in states.items() if state != "present"}
    told = ", ".join(f"{kind} {state}" for kind, state in without.items())
    waits = "absent" in without.values() and not found.is_final
    again = waits and request.looks < len(LOOK_AGAIN_S)
    with transaction() as session:
        if not ledger.lock_mine(session, held):
            log.warning("stamps.lost")
            return
        values = {f"{kind}_state": state for kind, state in states.items()}
        session.execute(
            update(StampRequest)
            .where(StampRequest.id == held.id)
            .values(
                **values,
                place=found.place,
                detection_id=found.detection_id,
                looks=request.looks + (1 if waits else 0),
            )
        )
        note(session, request.detected_at.date(), written)
        if again:
            rest_s = LOOK_AGAIN_S[request.looks]
            ledger.give_back(session, held, rest_s, told, is_counted=False)
        else:
            is_whole = not without or found.is_final
            ledger.end(session, held, "done" if is_whole else "failed", told or None)
    log.info("stamps.looked", place=found.place, without=told, looks_again=again)


def _end(held: ledger.Held, state: str, why: str) -> None:
    with transaction() as session:
        ledger.end(session, held, state, why)
    log.warning("stamps.ended", state=state, why=why)


def _rest(held: ledger.Held, rest_s: float, why: str, *, is_counted: bool) -> None:
    with transaction() as session:
        ledger.give_back(session, held, rest_s, why, is_counted=is_counted)
    log.info("stamps.given_back", rest_s=round(rest_s), why=why)
