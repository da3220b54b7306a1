"""Kafka out: the pending messages of a range, and the mark that they were acknowledged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import cursor
from broker.db_arrays import BigInts, SmallInts
from broker.kafka_types import DeliveryError, Message
from pipeline.alerts import curves, encode, selected_messages
from pipeline.alerts.batch import LightCurves
from pipeline.alerts.delivery import Outgoing, delivery_id
from pipeline.alerts.messages import Alerts, Matches
from pipeline.alerts.selected_messages import Place
from pipeline.alerts.selecting import Chosen
from pipeline.alerts.store import Source
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC, OUTPUT_NONE_TOPIC, OUTPUT_USER_FILTERS
from pipeline.topics import NONE_TOPIC, SCHEMA_VERSION, other_survey
from pipeline.user_filters import deliver
from pipeline.user_filters.deliver import Waiting

HEADER_BYTES = 1024
"""Room left below the broker's limit for key, headers and the batch's own framing."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pending:
    """Alerts of a range whose messages wait, with the light curves that these carry."""

    survey: str
    rows: list[dict[str, Any]]
    own: LightCurves
    matched: LightCurves
    matches: dict[int, tuple[str, float, float]]
    """Matched object → its object id and position (ra, dec in deg)."""
    chosen: Mapping[int, Chosen]
    """Selected packets at hand, by offset."""
    archived: Mapping[int, Place]
    """Where the other selected packets lie, by alert."""
    caught: Mapping[int, list[Waiting]] = field(default_factory=dict)
    """For which users' filters, by alert."""


@dataclass(frozen=True)
class Delivered:
    """What became of the messages."""

    cleared: list[tuple[int, int]]
    """Alert and bit of what was acknowledged."""
    too_large: list[Outgoing]
    """What no broker of ours will ever take."""
    failed: list[DeliveryError]
    where: "Where | None" = None
    """None: nothing was sent."""
    published: int = 0
    """Messages that were acknowledged."""
    filters_sent: list[int] = field(default_factory=list)
    """``filter_deliveries.id`` of these."""
    filters_gone: list[int] = field(default_factory=list)
    """Of what can never be delivered."""


class Where(NamedTuple):
    """Between which keys of ``alerts`` the alerts of some messages lie, all of one survey.

    Postgres looks in the partitions between them alone.
    """

    survey: str
    lowest_candid: int
    highest_candid: int


class Unmade(NamedTuple):
    """A selected alert whose message cannot be made, where it came from, and why."""

    offset: int
    kafka_timestamp: datetime
    error: Exception


ENCODED_BITS = OUTPUT_CLASS_TOPIC | OUTPUT_NONE_TOPIC | OUTPUT_USER_FILTERS
"""Of messages of the public schema."""
NONE_CHOSEN: Mapping[int, Chosen] = MappingProxyType({})
NOTHING = Delivered(cleared=[], too_large=[], failed=[])


def read_pending(
    session: Session,
    survey: str,
    source: Source,
    first: int,
    last: int,
    chosen: Mapping[int, Chosen] = NONE_CHOSEN,
) -> Pending:
    """Read the alerts stored under these coordinates whose messages still wait.

    ``chosen`` has the selected packets that are at hand, by offset; of others it is looked up where
    they lie.
    """
    return _read(
        session,
        survey,
        "a.source_id = %s AND a.source_partition = %s AND a.source_offset BETWEEN %s AND %s",
        (source.id, source.partition, first, last),
        chosen,
    )


def read_alerts(session: Session, survey: str, ids: Sequence[int]) -> Pending:
    """Read those of the alerts with these ids whose messages still wait."""
    return _read(session, survey, "a.id = ANY(%s)", (BigInts.of(ids),), NONE_CHOSEN)


def _read(
    session: Session,
    survey: str,
    condition: str,
    values: tuple[Any, ...],
    chosen: Mapping[int, Chosen],
) -> Pending:
    with cursor(session) as cur:
        cur.execute(
            "SELECT a.id, a.candid, a.source_offset, a.kafka_timestamp, a.pending,"  # noqa: S608 conditions of this module
            " a.output_topic, a.rule_version, a.candidate, a.properties, a.object_id,"
            " o.object_id AS name, a.survey_match_id"
            " FROM alerts AS a LEFT JOIN objects AS o ON o.id = a.object_id"
            f" WHERE a.survey = %s AND {condition} AND a.pending <> 0 ORDER BY a.source_offset",
            (survey, *values),
            binary=True,
        )
        names = [column.name for column in cur.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cur]
        caught = _caught(session, survey, rows)
        rows = [row for row in rows if row["pending"]]
        public = [row for row in rows if row["pending"] & ENCODED_BITS]
        matched_ids = _distinct([row["survey_match_id"] for row in public])
        cur.execute(
            "SELECT id, object_id, ra_deg, dec_deg FROM objects WHERE id = ANY(%s)",
            (BigInts.of(matched_ids),),
            binary=True,
        )
        matches = {row[0]: (row[1], row[2], row[3]) for row in cur}
        absent = [
            row["id"]
            for row in rows
            if row["pending"] & selected_messages.BITS and row["source_offset"] not in chosen
        ]
        archived = selected_messages.locate(cur, absent) if absent else {}
    return Pending(
        survey,
        rows,
        curves.load(session, survey, _distinct([row["object_id"] for row in public])),
        curves.load(session, other_survey(survey), matched_ids),
        matches,
        chosen,
        archived,
        caught,
    )


def _caught(
    session: Session, survey: str, rows: Sequence[dict[str, Any]]
) -> Mapping[int, list[Waiting]]:
    """Return what waits for users' filters; what has lost its topic waits no more, here and now."""
    asked = [row for row in rows if row["pending"] & OUTPUT_USER_FILTERS]
    if not asked:
        return {}
    with cursor(session) as cur:
        found = deliver.waiting(cur, [row["id"] for row in asked])
    idle = [row for row in asked if row["id"] not in found.waiting]
    if idle or found.void:
        bits = [(row["id"], OUTPUT_USER_FILTERS) for row in idle]
        candids = [row["candid"] for row in asked]
        where = Where(survey, min(candids), max(candids))
        mark(session, Delivered(bits, [], [], where, filters_gone=found.void))
    for row in idle:
        row["pending"] &= ~OUTPUT_USER_FILTERS
    return found.waiting


def build(pending: Pending) -> list[Outgoing]:
    """Return the messages that wait for public topics, each a whole Avro container."""
    largest = config().kafka.message_max_bytes - HEADER_BYTES
    rows = [row for row in pending.rows if row["pending"] & ENCODED_BITS]
    encoded = encode.encode_messages(
        Alerts(
            pending.survey,
            candid=[row["candid"] for row in rows],
            object_id=[row["name"] for row in rows],
            candidate=[row["candidate"] for row in rows],
            properties=[row["properties"] for row in rows],
        ),
        pending.own,
        pending.own.find(np.array([row["object_id"] for row in rows], np.int64)),
        _matches(pending, [row["survey_match_id"] for row in rows]),
        max_bytes=largest,
    )
    return [
        outgoing
        for row, value, is_truncated in zip(rows, *encoded, strict=True)
        for outgoing in _outgoing(pending, row, value, is_truncated=is_truncated)
    ]


def _outgoing(
    pending: Pending, row: dict[str, Any], value: bytes, *, is_truncated: bool
) -> Iterator[Outgoing]:
    """Yield one alert's message for every topic of the public schema that it waits for."""
    came = (pending.survey, row["candid"], row["source_offset"], row["kafka_timestamp"])
    for bit, topic in (
        (OUTPUT_CLASS_TOPIC, row["output_topic"]),
        (OUTPUT_NONE_TOPIC, NONE_TOPIC),
    ):
        if row["pending"] & bit:
            message = _message(pending.survey, row, topic, value, is_truncated=is_truncated)
            yield Outgoing(row["id"], *came, bit, message)
    if row["pending"] & OUTPUT_USER_FILTERS:
        for one in pending.caught.get(row["id"], ()):
            message = _message(pending.survey, row, one.topic, value, is_truncated=is_truncated)
            message.headers.extend(one.headers)
            yield Outgoing(row["id"], *came, OUTPUT_USER_FILTERS, message, one.delivery_id)


def build_selected(pending: Pending) -> tuple[list[Outgoing], list[Unmade]]:
    """Return the messages that wait for the topics of selected alerts, and what cannot be made now.

    The latter goes on waiting, see ``is_whole``.
    """
    outgoing: list[Outgoing] = []
    unmade: list[Unmade] = []
    for row in pending.rows:
        if row["pending"] & selected_messages.BITS:
            try:
                outgoing.extend(
                    Outgoing(
                        row["id"],
                        pending.survey,
                        row["candid"],
                        row["source_offset"],
                        row["kafka_timestamp"],
                        bit,
                        message,
                    )
                    for bit, message in _selected(pending, row)
                )
            except selected_messages.NOT_NOW as error:
                unmade.append(Unmade(row["source_offset"], row["kafka_timestamp"], error))
    if unmade:
        log.warning("selected.waits", alerts=len(unmade), why=str(unmade[0].error))
    return outgoing, unmade


def is_whole(pending: Pending, outgoing: Sequence[Outgoing]) -> bool:
    """Return whether every message that waits has been made."""
    made = {(sent.alert_id, sent.bit) for sent in outgoing}
    return sum(int(row["pending"]).bit_count() for row in pending.rows) == len(made)


def _selected(pending: Pending, row: dict[str, Any]) -> Iterator[tuple[int, Message]]:
    chosen = pending.chosen.get(row["source_offset"])
    if chosen is None:
        chosen = selected_messages.archived(pending.survey, pending.archived[row["id"]])
    return selected_messages.messages(pending.survey, row, chosen)


def settle(outgoing: Sequence[Outgoing], outcomes: Sequence[DeliveryError | None]) -> Delivered:
    """Sort delivery reports into what is done, what can never be done, and what must wait.

    A bit that several messages share is cleared when none of them must wait.
    """
    delivered = Delivered(cleared=[], too_large=[], failed=[], where=_where(outgoing))
    shared: dict[int, bool] = {}
    published = 0
    for sent, error in zip(outgoing, outcomes, strict=True):
        is_settled = error is None or error.is_too_large
        published += error is None
        if error is not None and not error.is_too_large:
            delivered.failed.append(error)
        if sent.delivery is not None:
            shared[sent.alert_id] = shared.get(sent.alert_id, True) and is_settled
            if is_settled:
                rows = delivered.filters_gone if error else delivered.filters_sent
                rows.append(sent.delivery)
        elif error is None:
            delivered.cleared.append((sent.alert_id, sent.bit))
        elif error.is_too_large:
            delivered.too_large.append(sent)
    done = [(alert_id, OUTPUT_USER_FILTERS) for alert_id, is_done in shared.items() if is_done]
    return replace(delivered, cleared=[*delivered.cleared, *done], published=published)


def _where(outgoing: Sequence[Outgoing]) -> Where | None:
    candids = [sent.candid for sent in outgoing]
    if not candids:
        return None
    return Where(outgoing[0].survey, min(candids), max(candids))


def mark(session: Session, delivered: Delivered) -> None:
    """Clear the bits of what was acknowledged or never will be; a fact, kept by whoever knows it.

    ``published_at`` is set when nothing waits any more and something of the alert was delivered,
    now or before: an alert whose every message is too large was never published.
    """
    gone, sent = _bits(delivered.cleared), _bits(delivered.cleared)
    for alert_id, bits in _bits(
        [(each.alert_id, each.bit) for each in delivered.too_large]
    ).items():
        gone[alert_id] = gone.get(alert_id, 0) | bits
    with cursor(session) as cur:
        deliver.mark(cur, delivered.filters_sent, delivered.filters_gone)
    if not gone or delivered.where is None:
        return
    ids = sorted(gone)
    with cursor(session) as cur:
        cur.execute(
            "UPDATE alerts AS a SET pending = a.pending & ~u.gone,"
            " published_at = CASE WHEN a.pending & ~u.gone = 0"
            " AND (a.outputs & ~a.pending | u.sent) <> 0 THEN now() ELSE a.published_at END"
            " FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[]) AS u (id, gone, sent)"
            " WHERE a.id = u.id AND a.survey = %s AND a.candid BETWEEN %s AND %s",
            (
                BigInts.of(ids),
                SmallInts.of([gone[i] for i in ids]),
                SmallInts.of([sent.get(i, 0) for i in ids]),
                *delivered.where,
            ),
        )


def _bits(messages: Sequence[tuple[int, int]]) -> dict[int, int]:
    bits: dict[int, int] = {}
    for alert_id, bit in messages:
        bits[alert_id] = bits.get(alert_id, 0) | bit
    return bits


def _message(
    survey: str, row: dict[str, Any], topic: str, value: bytes, *, is_truncated: bool
) -> Message:
    headers = [
        ("delivery_id", delivery_id(survey, row["candid"], topic).encode()),
        ("survey", survey.encode()),
        ("candid", str(row["candid"]).encode()),
        ("schema_version", SCHEMA_VERSION.encode()),
        ("rule_version", row["rule_version"].encode()),
    ]
    if is_truncated:
        headers.append(("truncated", b"1"))
    return Message(topic, row["name"].encode(), value, headers)


def _matches(pending: Pending, match_ids: Sequence[int | None]) -> Matches | None:
    if not pending.matches:
        return None
    none = (None, 0.0, 0.0)
    names, ra_deg, dec_deg = zip(
        *(none if i is None else pending.matches[i] for i in match_ids), strict=True
    )
    ids = np.array([-1 if i is None else i for i in match_ids], np.int64)
    return Matches(pending.matched, pending.matched.find(ids), names, ra_deg, dec_deg)


def _distinct(ids: Sequence[int | None]) -> NDArray[np.int64]:
    return np.unique(np.array([i for i in ids if i is not None], np.int64))
