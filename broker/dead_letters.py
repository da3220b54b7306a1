"""Packets that could not become an alert: coordinates, reason, and what an operator did."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from broker import metrics
from broker.db import Table

MESSAGE_CHARACTERS = 500
TRACEBACK_CHARACTERS = 8192
NOTE_CHARACTERS = 2000

REASONS = (
    "empty",
    "truncated",
    "too_large",
    "many_records",
    "unknown_schema",
    "schema_not_allowed",
    "array_too_long",
    "bad_value",
    "bad_image",
    "bad_skymap",
    "worker_died",
    "expired_offsets",
    "unexpected",
    "not_json",
    "not_xml",
    "no_id",
    "bad_time",
    "event_missing",
    "unanswered",
    "conflict",
)
STATES = ("open", "retried", "resolved", "ignored")
RETRIED_STATES = ("open", "ignored")
"""In which a letter can be tried again."""
BECAME = "the packet became an alert"
"""Why a letter is resolved, if nobody says otherwise."""
IGNORED_STATES = ("open", "retried")
"""In which a letter can be given up."""

_PLACE = ("source_id", "source_partition", "source_offset")
_PACKET_KEY = (*_PLACE, "sha256")
_PLACE_KEY = (*_PLACE, "reason")
"""Letters without a packet: an interval, a dead worker's offset and a message that never fits may
begin at one place, and none of them is another."""
_HAS_PACKET = "sha256 IS NOT NULL"
_HAS_NO_PACKET = "sha256 IS NULL"


class DeadLetter(Table):
    """One packet, or an interval of offsets, that was buried."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index(
            "uq_dead_letters_packet",
            *_PACKET_KEY,
            unique=True,
            postgresql_where=text(_HAS_PACKET),
            postgresql_nulls_not_distinct=True,
        ),
        Index(
            "uq_dead_letters_place",
            *_PLACE_KEY,
            unique=True,
            postgresql_where=text(_HAS_NO_PACKET),
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index(None, "stream", "night"),
        Index(None, "state", "stream", "reason", "id"),
        Index(None, "reason", "state", "id"),
        Index(None, "first_seen_at"),
        Index(None, "source_offset"),
        Index(
            "ix_dead_letters_intervals",
            "source_offset",
            "last_offset",
            postgresql_where=text("last_offset > source_offset"),
        ),
        Index(None, "candid", postgresql_where=text("candid IS NOT NULL")),
        Index(None, "object_id", postgresql_where=text("object_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    stream: Mapped[str]
    topic: Mapped[str]
    source_id: Mapped[int | None]
    source_partition: Mapped[int]
    source_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="equal to source_offset but for intervals")
    kafka_timestamp: Mapped[datetime | None]
    night: Mapped[date | None] = mapped_column(comment="of kafka_timestamp, local noon to noon")
    reason: Mapped[str]
    message: Mapped[str] = mapped_column(comment="at most 500 characters")
    traceback: Mapped[str | None] = mapped_column(comment="at most 8 kB")
    candid: Mapped[int | None] = mapped_column(comment="where the packet decodes that far")
    object_id: Mapped[str | None] = mapped_column(comment="where the packet decodes that far")
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, comment="of the packet")
    archive_segment_id: Mapped[int | None]
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(comment="[bytes]")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    state: Mapped[str] = mapped_column(server_default="open")
    resolved_by: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(comment="why it was ignored; at most 2000 characters")
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Letter:
    """What is known of a packet that is being buried."""

    partition: int
    offset: int
    reason: str
    message: str
    last_offset: int | None = None
    traceback: str | None = None
    kafka_timestamp: datetime | None = None
    night: date | None = None
    packet: bytes | None = None
    archive: tuple[int, int, int] | None = None
    """Segment id, start and length [bytes]."""
    candid: int | None = None
    object_id: str | None = None


def bury(
    session: Session, stream: str, topic: str, source_id: int | None, letters: Sequence[Letter]
) -> None:
    """Record dead letters; the same packet at the same place is recorded once.

    A letter that was sent again by an operator and failed again is open again, whatever it failed
    for: a packet that killed its process may be unreadable the next time. An interval that has
    grown is recorded in its whole length.
    """
    for letter in letters:
        metrics.DEAD_LETTERS.labels(stream, letter.reason).inc()
        values = _columns(letter) | {"stream": stream, "topic": topic, "source_id": source_id}
        if letter.last_offset is None and _open_again(session, values):
            continue
        has_packet = values["sha256"] is not None
        is_longer = DeadLetter.last_offset < values["last_offset"]
        session.execute(
            insert(DeadLetter)
            .values(values)
            .on_conflict_do_update(
                index_elements=_PACKET_KEY if has_packet else _PLACE_KEY,
                index_where=text(_HAS_PACKET if has_packet else _HAS_NO_PACKET),
                set_=_failed_again(values) | {"last_offset": values["last_offset"]},
                where=or_(DeadLetter.state == "retried", is_longer),
            )
        )


def ignore(session: Session, ids: Sequence[int], by: str, why: str) -> list[int]:
    """Close letters that nobody will send again; they stay in the books as accounted for.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    ids : sequence of int
        ``dead_letters.id``; those that are resolved or ignored already are passed over.
    by : str
        Who decided.
    why : str
        For whoever looks at the books later; must not be blank.

    Returns
    -------
    list of int
        The letters that are ignored now and were not before.

    Raises
    ------
    ValueError
        Without a reason.
    """
    note = _clean(why.strip(), NOTE_CHARACTERS)
    if not note:
        raise ValueError("a dead letter is ignored for a reason: say which")
    return list(
        session.scalars(
            update(DeadLetter)
            .where(DeadLetter.id.in_(ids), DeadLetter.state.in_(IGNORED_STATES))
            .values(state="ignored", resolved_by=by, note=note, updated_at=func.now())
            .returning(DeadLetter.id)
        )
    )


@dataclass(frozen=True)
class Commonest:
    """The most frequent reason of the newest letters of a stream, with one message of them."""

    reason: str
    message: str


def commonest(session: Session, stream: str, newest: int) -> Commonest | None:
    """Return what the ``newest`` letters of a stream were buried for most often."""
    recent = (
        select(DeadLetter.id, DeadLetter.reason, DeadLetter.message)
        .where(DeadLetter.stream == stream)
        .order_by(DeadLetter.id.desc())
        .limit(newest)
        .subquery()
    )
    row = session.execute(
        select(recent.c.reason, func.max(recent.c.message))
        .group_by(recent.c.reason)
        .order_by(func.count().desc(), recent.c.reason)
        .limit(1)
    ).one_or_none()
    return None if row is None else Commonest(*row)


@dataclass(frozen=True)
class OfSchema:
    """A writer schema as letters name it: a container's by fingerprint, a framed packet's by id."""

    fingerprint: str
    schema_id: int | None = None

    def condition(self) -> ColumnElement[bool]:
        """Return what is true of the letters of packets that came with this schema."""
        # The texts of broker.avro and broker.avro_schema, which a test compares.
        by_fingerprint = and_(
            DeadLetter.reason == "schema_not_allowed",
            DeadLetter.message.contains(f"fingerprint {self.fingerprint},", autoescape=True),
        )
        if self.schema_id is None:
            return by_fingerprint
        pattern = rf"^no schema has the id {self.schema_id}(;|$)"
        by_id = and_(
            DeadLetter.reason == "unknown_schema", DeadLetter.message.regexp_match(pattern)
        )
        return or_(by_fingerprint, by_id)

    def open_letters(self, session: Session) -> list[int]:
        """Return the ids of the open letters of packets that came with this schema."""
        found = select(DeadLetter.id).where(DeadLetter.state == "open", self.condition())
        return list(session.scalars(found.order_by(DeadLetter.id)))

    def share(self, session: Session, stream: str, newest: int) -> float:
        """Return how much of the ``newest`` letters of a stream came with this schema, 0 to 1."""
        recent = (
            select(DeadLetter.id)
            .where(DeadLetter.stream == stream)
            .order_by(DeadLetter.id.desc())
            .limit(newest)
        )
        of_all = select(func.avg(case((self.condition(), 1.0), else_=0.0)))
        return float(session.scalar(of_all.where(DeadLetter.id.in_(recent))) or 0)


def resolve(
    session: Session,
    source_id: int,
    partition: int,
    offsets: Sequence[int],
    became: str = BECAME,
) -> None:
    """Close the letters of packets that have become what they should after all."""
    session.execute(
        update(DeadLetter)
        .where(
            DeadLetter.source_id == source_id,
            DeadLetter.source_partition == partition,
            DeadLetter.source_offset.in_(offsets),
            DeadLetter.last_offset == DeadLetter.source_offset,
            # Without a packet it is the letter of a message, which is still undeliverable.
            or_(DeadLetter.reason != "too_large", DeadLetter.sha256.is_not(None)),
            DeadLetter.state != "resolved",
        )
        .values(state="resolved", resolved_by=became, updated_at=func.now())
    )


def _columns(letter: Letter) -> dict[str, Any]:
    segment_id, start, length = letter.archive or (None, None, None)
    return {
        "source_partition": letter.partition,
        "source_offset": letter.offset,
        "last_offset": letter.offset if letter.last_offset is None else letter.last_offset,
        "kafka_timestamp": letter.kafka_timestamp,
        "night": letter.night,
        "reason": letter.reason,
        "message": _clean(letter.message, MESSAGE_CHARACTERS),
        "traceback": letter.traceback and _clean(letter.traceback, TRACEBACK_CHARACTERS),
        "candid": letter.candid,
        "object_id": letter.object_id and _clean(letter.object_id, MESSAGE_CHARACTERS),
        "sha256": None if letter.packet is None else hashlib.sha256(letter.packet).digest(),
        "archive_segment_id": segment_id,
        "archive_start": start,
        "archive_length": length,
    }


def _open_again(session: Session, values: dict[str, Any]) -> bool:
    """Open the letter of these coordinates that was sent again; return whether there is one."""
    other = aliased(DeadLetter)
    has_namesake = exists().where(  # who already says the same of this place
        other.id != DeadLetter.id,
        other.source_id.is_not_distinct_from(DeadLetter.source_id),
        other.source_partition == DeadLetter.source_partition,
        other.source_offset == DeadLetter.source_offset,
        other.reason == values["reason"],
        other.sha256.is_(None),
        DeadLetter.sha256.is_(None),
    )
    retried = (
        select(DeadLetter.id)
        .where(
            DeadLetter.source_id.is_not_distinct_from(values["source_id"]),
            DeadLetter.source_partition == values["source_partition"],
            DeadLetter.source_offset == values["source_offset"],
            DeadLetter.last_offset == DeadLetter.source_offset,
            DeadLetter.state == "retried",
            ~has_namesake,
        )
        .order_by(DeadLetter.id)
        .limit(1)
    )
    known = {
        name: func.coalesce(values[name], getattr(DeadLetter, name))
        for name in ("kafka_timestamp", "night", "candid", "object_id")
    }
    if values["kafka_timestamp"] is None:  # then its night is only that in which it was buried
        known["night"] = func.coalesce(DeadLetter.night, values["night"])
    if values["archive_segment_id"] is not None:
        known |= {name: value for name, value in values.items() if name.startswith("archive_")}
    done = session.execute(
        update(DeadLetter)
        .where(DeadLetter.id == retried.scalar_subquery())
        .values(**_failed_again(values), **known)
        .returning(DeadLetter.id)
    )
    return done.one_or_none() is not None


def _failed_again(values: dict[str, Any]) -> dict[str, Any]:
    again = {name: values[name] for name in ("reason", "message", "traceback")}
    return again | {
        "state": "open",
        "attempts": DeadLetter.attempts + 1,
        "updated_at": func.now(),
    }


def _clean(text: str, length: int) -> str:
    """Shorten, and write out what Postgres refuses and hostile packets have in names.

    That is NUL, and halves of surrogate pairs, which JSON can spell and UTF-8 cannot.
    """
    spelled = text.encode(errors="backslashreplace").decode()
    return spelled.replace("\x00", "\\0")[:length]
