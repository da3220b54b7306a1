"""What the stream ``gcn_json`` does with one message: read, store, tell an event's thread."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline import json_values
from pipeline.gw import steps
from pipeline.gw.arrival import Arrival, Intake, Stored
from pipeline.gw.gcn_json import CIRCULARS_TOPIC, HEARTBEAT_TOPIC, GcnMessage, parse_gcn
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.notices import MAX_NOTICE_BYTES, BadNotice
from pipeline.gw.tables import GwAlert

CIRCULAR = "circular"
HEARTBEAT_KEY = ""
LONGEST_CAUSE = 200


@dataclass(frozen=True)
class Judged:
    """A message that was read, and what tells it from others of its topic."""

    message: GcnMessage
    key: str


def judge(raw: bytes, topic: str) -> Judged:
    """Read a message; nothing is stored.

    Raises
    ------
    BadNotice
        If it is too large, or no JSON object.
    """
    if len(raw) > MAX_NOTICE_BYTES:
        raise BadNotice("too_large", f"{len(raw)} bytes; at most {MAX_NOTICE_BYTES}")
    try:
        document = json_values.parse(raw)
    except (ValueError, RecursionError) as error:
        raise BadNotice("not_json", f"it is no JSON: {error}"[:LONGEST_CAUSE]) from None
    if not isinstance(document, dict):
        raise BadNotice("not_json", f"it is {type(document).__name__}, not an object")
    if topic == HEARTBEAT_TOPIC:
        return Judged(parse_gcn(document), HEARTBEAT_KEY)
    digest = hashlib.sha256(json_values.canonical(document)).hexdigest()
    return Judged(parse_gcn(document), digest)


def store(session: Session, judged: Judged, arrival: Arrival) -> Stored:
    """Store a message once, of the heartbeat the newest; a circular is told to its event's thread.

    Parameters
    ----------
    session : Session
        Of an open transaction, which the caller commits.
    judged : Judged
        The message.
    arrival : Arrival
        Where it came from, and when.
    """
    message = judged.message
    values: dict[str, Any] = {
        "topic": arrival.topic,
        "key": judged.key,
        **{name: value for name, value in vars(message).items() if name != "payload"},
        "payload": message.payload,
    }
    values |= {name: value for name, value in arrival.columns().items() if name != "topic"}
    statement = insert(GcnNotice).values(values)
    place = ["topic", "key"]
    if judged.key == HEARTBEAT_KEY:
        newest = {getattr(GcnNotice, name): value for name, value in values.items()}
        statement = statement.on_conflict_do_update(index_elements=place, set_=newest)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=place)
    notice_id = session.scalar(statement.returning(GcnNotice.id))
    if notice_id is None:
        return Stored(f"{arrival.topic} {message.name}: known already")
    bells = []
    if arrival.topic == CIRCULARS_TOPIC and message.trigger_id is not None:
        bells = _want_circular(session, message.trigger_id, notice_id)
    return Stored(f"{arrival.topic} {message.name or message.notice_id or ''}".rstrip(), bells)


def _want_circular(session: Session, trigger_id: str, notice_id: int) -> list[steps.Bell]:
    """Want a line in the thread of an event; of one without thread, nobody waits for circulars."""
    id_gw = session.scalar(
        select(GwAlert.id_gw)
        .where(GwAlert.trigger_id == trigger_id, GwAlert.thread_ts.is_not(None))
        .order_by(GwAlert.reception_count.desc())
        .limit(1)
    )
    if id_gw is None:
        return []
    return steps.want(session, [steps.Want(CIRCULAR, id_gw=id_gw, key=str(notice_id))])


GCN_JSON = Intake(judge, store, passing=frozenset({HEARTBEAT_TOPIC}))
