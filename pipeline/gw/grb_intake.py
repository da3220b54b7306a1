"""What the stream ``voevent`` does with one packet: read, store, open a thread or wait for one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.gw import steps
from pipeline.gw.arrival import Arrival, Intake, Stored
from pipeline.gw.grb import Known, opener
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.tables import GwStep
from pipeline.gw.voevents import Cone, VoEvent, parse_voevent

THREAD = "grb_thread"
CARD = "grb_card"
HOUR_S = 3600.0
TEST = "test"
_MEASURED = (
    "rate_significance_sigma",
    "image_significance_sigma",
    "duration_s",
    "burst_mag",
    "burst_mag_error",
    "slew_status",
)
"""Of ``VoEvent``, kept under their names in ``grb_alerts.measured``."""


class Judged(NamedTuple):
    """A packet that was read, and its text."""

    event: VoEvent
    xml: str


def judge(raw: bytes, _topic: str = "") -> Judged:
    """Read a packet; nothing is stored.

    Raises
    ------
    BadNotice
        If it cannot be used.
    """
    return Judged(parse_voevent(raw), raw.decode("utf-8", "replace"))


def store(session: Session, judged: Judged, arrival: Arrival) -> Stored:
    """Store a packet and want what it brings about; one that is stored already changes nothing.

    Parameters
    ----------
    session : Session
        Of an open transaction, which the caller commits.
    judged : Judged
        The packet.
    arrival : Arrival
        Where it came from, and when.
    """
    event = judged.event
    if not event.is_followed:
        return Stored(f"{event.ivorn}: of no mission or kind that is followed")
    lock(session, event.trigger_id)
    known = burst(session, event.trigger_id, is_test=event.is_test)
    row = _insert(session, judged, arrival, known)
    if row is None:
        return Stored(f"{event.ivorn}: known already")
    bells = [] if _is_old(event, arrival.received_at) else _want(session, row, known)
    named = ", ".join(bell.step for bell in bells) or "nothing"
    return Stored(
        f"{event.mission} {event.trigger_id} {event.packet_type}: to be done: {named}", bells
    )


def lock(session: Session, trigger_id: str) -> None:
    """Let nobody else store packets of this burst, or open its thread, in this transaction."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"grb:{trigger_id}"))))


def burst(session: Session, trigger_id: str, *, is_test: bool) -> list[GrbAlert]:
    """Return the packets of a burst in the order of their arrival; tests are a world apart."""
    role = GrbAlert.role == TEST if is_test else GrbAlert.role != TEST
    found = select(GrbAlert).where(GrbAlert.trigger_id == trigger_id, role)
    return list(session.scalars(found.order_by(GrbAlert.reception_count)))


def event_of(row: GrbAlert) -> VoEvent:
    """Return the packet that a row was made of."""
    has_place = row.ra_deg is not None and row.dec_deg is not None
    place = Cone(row.ra_deg or 0.0, row.dec_deg or 0.0, row.error_deg) if has_place else None
    return VoEvent(
        ivorn=row.ivorn,
        trigger_id=row.trigger_id,
        mission=row.mission,
        packet_type=row.packet_type,
        role=row.role,
        is_test=row.role == TEST,
        trigger_time=row.trigger_time,
        position=place,
        grb_name=row.grb_name,
        warnings=tuple(row.warnings),
        **{name: row.measured.get(name) for name in _MEASURED},
    )


def _insert(
    session: Session, judged: Judged, arrival: Arrival, known: Sequence[GrbAlert]
) -> GrbAlert | None:
    event = judged.event
    place = event.position
    last = session.scalar(
        select(func.max(GrbAlert.reception_count)).where(GrbAlert.trigger_id == event.trigger_id)
    )
    thread = next((row for row in known if row.thread_ts is not None), None)
    values: dict[str, Any] = {
        "trigger_id": event.trigger_id,
        "mission": event.mission,
        "packet_type": event.packet_type,
        "ra_deg": place and place.ra_deg,
        "dec_deg": place and place.dec_deg,
        "error_deg": place and place.error_deg,
        "trigger_time": event.trigger_time,
        "reception_count": (last or 0) + 1,
        "thread_ts": thread and thread.thread_ts,
        "channel": thread and thread.channel,
        "xml_payload": judged.xml,
        "ivorn": event.ivorn,
        "role": TEST if event.is_test else event.role,
        "grb_name": event.grb_name,
        "measured": {name: getattr(event, name) for name in _MEASURED},
        "warnings": dict.fromkeys(event.warnings, True),
    }
    return session.scalar(
        insert(GrbAlert)
        .values(values | arrival.columns())
        .on_conflict_do_nothing(index_elements=["ivorn"])
        .returning(GrbAlert)
    )


def _is_old(event: VoEvent, received_at: datetime) -> bool:
    """Tell whether a packet comes so late that nobody is told: in a replay, after an outage."""
    when = event.trigger_time
    limit_s = config().gw.max_notice_age_h * HOUR_S
    return when is not None and (received_at - when).total_seconds() > limit_s


def _want(session: Session, row: GrbAlert, known: Sequence[GrbAlert]) -> list[steps.Bell]:
    """Want the row's own message where the thread is open, else the thread once it may open.

    A thread that Slack refused is tried once more with each packet: they would wait for ever.
    """
    if row.thread_ts is not None:
        return steps.want(session, [steps.Want(CARD, id_grb=row.id_grb)])
    packets = [Known(each.id_grb, each.packet_type) for each in (*known, row)]
    first = opener(row.mission, packets)
    if first is None:
        return []
    again = steps.want_again(session, GwStep.id_grb == first, GwStep.step == THREAD)
    return again + steps.want(session, [steps.Want(THREAD, id_grb=first)])


VOEVENT = Intake(judge, store)
