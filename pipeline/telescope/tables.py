"""The ledger of commands, and what telescopes said; Alembic owns the tables."""

from datetime import datetime
from typing import Any

from nightjar_telescope import AckStatus, CommandType, StatusLevel
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

UNSENT_STATES = ("requested", "sending", "unknown")
"""Before it is known that the command is on its topic."""
UNDER_WAY_STATES = ("sent", "received", "started")
OPEN_STATES = (*UNSENT_STATES, *UNDER_WAY_STATES)
END_STATES = ("completed", "failed", "rejected", "timeout", "cancelled")
STATES = (*OPEN_STATES, *END_STATES)
TIMEOUT_STAGES = ("send", "receive", "start", "finish", "telescope")
"""What did not come in time; ``send``: it was never put on its topic, ``telescope``: so it said."""
ENDED_BY = ("telescope", "deadline", "operator")
ORIGINS = ("console", "plan", "counterpart", "api", "retraction")
DISPOSITIONS = (
    "applied",
    "progress",
    "duplicate",
    "out_of_order",
    "conflict",
    "late",
    "not_counted",
    "unknown_command",
    "wrong_telescope",
)
COMMAND_TYPES = tuple(kind.value for kind in CommandType)
ACK_STATUSES = tuple(status.value for status in AckStatus)
LEVELS = tuple(level.value for level in StatusLevel)


class TelescopeSwitch(Table):
    """Whether a telescope accepts commands; one without a row does."""

    __tablename__ = "telescope_switches"

    telescope: Mapped[str] = mapped_column(primary_key=True)
    accepts_commands: Mapped[bool] = mapped_column(Boolean)
    changed_by: Mapped[str]
    why: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TelescopeCommand(Table):
    """One command; its state follows from all its acknowledgments (``pipeline.telescope.fold``)."""

    __tablename__ = "telescope_commands"
    __table_args__ = (
        UniqueConstraint("telescope", "origin", "idempotency_key"),
        CheckConstraint(f"command_type IN {COMMAND_TYPES}", name="command_type"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"timeout_stage IN {TIMEOUT_STAGES}", name="timeout_stage"),
        CheckConstraint(f"late_status IN {ACK_STATUSES}", name="late_status"),
        CheckConstraint(f"ended_by IN {ENDED_BY}", name="ended_by"),
        CheckConstraint(f"origin IN {ORIGINS}", name="origin"),
        Index(None, "telescope", "created_at"),
        Index(None, "observation_id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(None, "state", postgresql_where=text(f"state IN {OPEN_STATES}")),
        Index(None, "cancels", postgresql_where=text("cancels IS NOT NULL")),
        Index(None, "retry_of", postgresql_where=text("retry_of IS NOT NULL")),
        Index(None, "trigger_id", postgresql_where=text("trigger_id IS NOT NULL")),
    )

    command_id: Mapped[str] = mapped_column(primary_key=True)
    telescope: Mapped[str]
    command_type: Mapped[str]
    observation_id: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(comment="ObservationBase as it is sent")
    state: Mapped[str] = mapped_column(server_default="requested")
    timeout_stage: Mapped[str | None] = mapped_column(comment="what did not come in time")
    late_status: Mapped[str | None] = mapped_column(comment="what came after we had ended it")
    late_at: Mapped[datetime | None] = mapped_column(comment="when that came")
    ended_by: Mapped[str | None]
    receive_by: Mapped[datetime | None] = mapped_column(
        comment="it expires then; null for a cancel, which never does"
    )
    start_by: Mapped[datetime | None]
    finish_by: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(comment="the sweeper looks at it then")
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    progress_percent: Mapped[float | None] = mapped_column(Double, comment="highest that was told")
    error_code: Mapped[str | None] = mapped_column(comment="the telescope's, of what ended it")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    owner: Mapped[str | None] = mapped_column(comment="delivery id of who sends it now")
    lease_until: Mapped[datetime | None] = mapped_column(comment="then its topic is read back")
    noted_offset: Mapped[int | None] = mapped_column(comment="end of the topic before it was sent")
    kafka_offset: Mapped[int | None] = mapped_column(comment="where it lies on its topic")
    last_error: Mapped[str | None] = mapped_column(comment="at most 500 characters")
    retry_of: Mapped[str | None]
    cancels: Mapped[str | None] = mapped_column(comment="command_id of what it cancels")
    origin: Mapped[str]
    requested_by: Mapped[str]
    trigger_id: Mapped[str | None]
    tile_id: Mapped[str | None]
    filter: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TelescopeAcknowledgment(Table):
    """An application's word on a command, as it came."""

    __tablename__ = "telescope_acknowledgments"
    __table_args__ = (
        UniqueConstraint("telescope", "ack_id"),
        CheckConstraint(f"status IN {ACK_STATUSES}", name="status"),
        CheckConstraint(f"disposition IN {DISPOSITIONS}", name="disposition"),
        Index(None, "command_id"),
        Index(None, "received_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    telescope: Mapped[str] = mapped_column(comment="whose topic it came from")
    ack_id: Mapped[str]
    command_id: Mapped[str]
    timestamp: Mapped[int] = mapped_column(comment="the telescope's own clock, Unix time [ms]")
    status: Mapped[str]
    message: Mapped[str | None]
    source_application: Mapped[str]
    source_hostname: Mapped[str | None]
    progress_percent: Mapped[float | None] = mapped_column(Double)
    estimated_completion_time: Mapped[int | None] = mapped_column(comment="Unix time [ms]")
    error_code: Mapped[str | None]
    error_details: Mapped[str | None]
    source_id: Mapped[int] = mapped_column(comment="sources.id of the topic it was read from")
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(comment="when our Kafka got it")
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disposition: Mapped[str] = mapped_column(comment="what became of it when it came")


class TelescopeStatus(Table):
    """How an application, or a component of a telescope, said that it was."""

    __tablename__ = "telescope_statuses"
    __table_args__ = (
        UniqueConstraint("telescope", "status_id"),
        CheckConstraint(f"level IN {LEVELS}", name="level"),
        Index(None, "telescope", "source_application", "received_at"),
        Index(None, "received_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    telescope: Mapped[str] = mapped_column(comment="whose topic it came from")
    status_id: Mapped[str]
    timestamp: Mapped[int] = mapped_column(comment="the telescope's own clock, Unix time [ms]")
    source_application: Mapped[str]
    source_hostname: Mapped[str | None]
    level: Mapped[str]
    component: Mapped[str]
    message: Mapped[str]
    is_operational: Mapped[bool] = mapped_column(Boolean)
    current_observation_id: Mapped[str | None]
    cpu_usage_percent: Mapped[float | None] = mapped_column(Double)
    memory_usage_percent: Mapped[float | None] = mapped_column(Double)
    disk_usage_percent: Mapped[float | None] = mapped_column(Double)
    error_code: Mapped[str | None]
    additional_info: Mapped[str | None]
    source_id: Mapped[int] = mapped_column(comment="sources.id of the topic it was read from")
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(comment="when our Kafka got it")


class TelescopeLatestStatus(Table):
    """The newest status of each component, by the arrival in our Kafka."""

    __tablename__ = "telescope_latest_status"
    __table_args__ = (
        UniqueConstraint("telescope", "application", "component"),
        CheckConstraint(f"level IN {LEVELS}", name="level"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    telescope: Mapped[str]
    application: Mapped[str]
    component: Mapped[str] = mapped_column(comment="empty: the application itself")
    status_id: Mapped[str]
    timestamp: Mapped[int] = mapped_column(comment="the telescope's own clock, Unix time [ms]")
    level: Mapped[str]
    message: Mapped[str]
    is_operational: Mapped[bool] = mapped_column(Boolean)
    current_observation_id: Mapped[str | None]
    cpu_usage_percent: Mapped[float | None] = mapped_column(Double)
    memory_usage_percent: Mapped[float | None] = mapped_column(Double)
    disk_usage_percent: Mapped[float | None] = mapped_column(Double)
    error_code: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(comment="when our Kafka got it")


class TelescopeEvent(Table):
    """What was done to a command or a telescope, by whom and why."""

    __tablename__ = "telescope_events"
    __table_args__ = (
        Index(None, "command_id", postgresql_where=text("command_id IS NOT NULL")),
        Index(None, "telescope", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    telescope: Mapped[str]
    command_id: Mapped[str | None]
    who: Mapped[str] = mapped_column(comment="as text: an account may be gone")
    what: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
