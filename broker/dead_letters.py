"""Packets that could not become an alert: coordinates, reason, and what an operator did."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from broker.db import Table

MESSAGE_CHARACTERS = 500
TRACEBACK_CHARACTERS = 8192

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
)
STATES = ("open", "retried", "resolved", "ignored")


class DeadLetter(Table):
    """One packet, or an interval of offsets, that was buried."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            "sha256",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index(None, "stream", "night"),
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
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, comment="of the packet")
    archive_segment_id: Mapped[int | None]
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(comment="[bytes]")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    state: Mapped[str] = mapped_column(server_default="open")
    resolved_by: Mapped[str | None]
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


def bury(
    session: Session, stream: str, topic: str, source_id: int | None, letters: Sequence[Letter]
) -> None:
    """Record dead letters; the same packet at the same place is recorded once.

    A letter that was sent again by an operator and failed again is open again.
    """
    for letter in letters:
        segment_id, start, length = letter.archive or (None, None, None)
        values = {
            "stream": stream,
            "topic": topic,
            "source_id": source_id,
            "source_partition": letter.partition,
            "source_offset": letter.offset,
            "last_offset": letter.offset if letter.last_offset is None else letter.last_offset,
            "kafka_timestamp": letter.kafka_timestamp,
            "night": letter.night,
            "reason": letter.reason,
            "message": _clean(letter.message, MESSAGE_CHARACTERS),
            "traceback": letter.traceback and _clean(letter.traceback, TRACEBACK_CHARACTERS),
            "sha256": None if letter.packet is None else hashlib.sha256(letter.packet).digest(),
            "archive_segment_id": segment_id,
            "archive_start": start,
            "archive_length": length,
        }
        again = {
            "state": "open",
            "attempts": DeadLetter.attempts + 1,
            "reason": letter.reason,
            "message": values["message"],
            "traceback": values["traceback"],
            "updated_at": func.now(),
        }
        session.execute(
            insert(DeadLetter)
            .values(values)
            .on_conflict_do_update(
                index_elements=["source_id", "source_partition", "source_offset", "sha256"],
                set_=again,
                where=DeadLetter.state == "retried",
            )
        )


def resolve(session: Session, source_id: int, partition: int, offsets: Sequence[int]) -> None:
    """Close the letters of packets that have become alerts after all."""
    session.execute(
        update(DeadLetter)
        .where(
            DeadLetter.source_id == source_id,
            DeadLetter.source_partition == partition,
            DeadLetter.source_offset.in_(offsets),
            DeadLetter.last_offset == DeadLetter.source_offset,
            DeadLetter.reason != "too_large",  # of its message, which is still undeliverable
            DeadLetter.state.in_(("open", "retried")),
        )
        .values(state="resolved", resolved_by="the packet became an alert", updated_at=func.now())
    )


def _clean(text: str, length: int) -> str:
    """Shorten, and write out what Postgres refuses and hostile packets have in names.

    That is NUL, and halves of surrogate pairs, which JSON can spell and UTF-8 cannot.
    """
    spelled = text.encode(errors="backslashreplace").decode()
    return spelled.replace("\x00", "\\0")[:length]
