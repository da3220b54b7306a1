"""Make the tables of the telescope bus: switches, commands, what telescopes said, events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "b61f0c8e37d4"
down_revision = "9a27e4c05d31"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    make_switches()
    make_commands()
    make_acknowledgments()
    make_statuses()
    make_latest_status()
    make_events()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("telescope_events")
    op.drop_table("telescope_latest_status")
    op.drop_table("telescope_statuses")
    op.drop_table("telescope_acknowledgments")
    op.drop_table("telescope_commands")
    op.drop_table("telescope_switches")


def make_switches() -> None:
    op.create_table(
        "telescope_switches",
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("accepts_commands", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("telescope", name=op.f("pk_telescope_switches")),
    )


def make_commands() -> None:
    op.create_table(
        "telescope_commands",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("command_type", sa.Text(), nullable=False),
        sa.Column("observation_id", sa.Text(), nullable=False),
        sa.Column("request", JSONB(), nullable=False, comment="ObservationBase as it is sent"),
        sa.Column("state", sa.Text(), server_default="requested", nullable=False),
        sa.Column("timeout_stage", sa.Text(), comment="what did not come in time"),
        sa.Column("late_status", sa.Text(), comment="what came after we had ended it"),
        sa.Column("late_at", TIME, comment="when that came"),
        sa.Column("ended_by", sa.Text()),
        sa.Column(
            "receive_by", TIME, comment="it expires then; null for a cancel, which never does"
        ),
        sa.Column("start_by", TIME),
        sa.Column("finish_by", TIME),
        sa.Column("due_at", TIME, comment="the sweeper looks at it then"),
        sa.Column("sent_at", TIME),
        sa.Column("received_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("progress_percent", sa.Double(), comment="highest that was told"),
        sa.Column("error_code", sa.Text(), comment="the telescope's, of what ended it"),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), comment="delivery id of who sends it now"),
        sa.Column("lease_until", TIME, comment="then its topic is read back"),
        sa.Column("noted_offset", sa.BigInteger(), comment="end of the topic before it was sent"),
        sa.Column("kafka_offset", sa.BigInteger(), comment="where it lies on its topic"),
        sa.Column("last_error", sa.Text(), comment="at most 500 characters"),
        sa.Column("retry_of", sa.Text()),
        sa.Column("cancels", sa.Text(), comment="command_id of what it cancels"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("trigger_id", sa.Text()),
        sa.Column("tile_id", sa.Text()),
        sa.Column("filter", sa.Text()),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "command_type IN ('start_observation', 'cancel_observation')",
            name=op.f("ck_telescope_commands_command_type"),
        ),
        sa.CheckConstraint(
            "ended_by IN ('telescope', 'deadline', 'operator')",
            name=op.f("ck_telescope_commands_ended_by"),
        ),
        sa.CheckConstraint(
            "late_status IN ('received', 'started', 'completed', 'failed', 'rejected', 'timeout')",
            name=op.f("ck_telescope_commands_late_status"),
        ),
        sa.CheckConstraint(
            "origin IN ('console', 'plan', 'counterpart', 'api', 'retraction')",
            name=op.f("ck_telescope_commands_origin"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'sending', 'unknown', 'sent', 'received', 'started', 'completed', 'failed', 'rejected', 'timeout', 'cancelled')",
            name=op.f("ck_telescope_commands_state"),
        ),
        sa.CheckConstraint(
            "timeout_stage IN ('send', 'receive', 'start', 'finish', 'telescope')",
            name=op.f("ck_telescope_commands_timeout_stage"),
        ),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_telescope_commands")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_telescope_commands_idempotency_key")),
    )
    op.create_index(
        op.f("ix_telescope_commands_cancels"),
        "telescope_commands",
        ["cancels"],
        unique=False,
        postgresql_where=sa.text("cancels IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_telescope_commands_due_at"),
        "telescope_commands",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_telescope_commands_observation_id"),
        "telescope_commands",
        ["observation_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_telescope_commands_retry_of"),
        "telescope_commands",
        ["retry_of"],
        unique=False,
        postgresql_where=sa.text("retry_of IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_telescope_commands_state"),
        "telescope_commands",
        ["state"],
        unique=False,
        postgresql_where=sa.text(
            "state IN ('requested', 'sending', 'unknown', 'sent', 'received', 'started')"
        ),
    )
    op.create_index(
        op.f("ix_telescope_commands_telescope_created_at"),
        "telescope_commands",
        ["telescope", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_telescope_commands_trigger_id"),
        "telescope_commands",
        ["trigger_id"],
        unique=False,
        postgresql_where=sa.text("trigger_id IS NOT NULL"),
    )


def make_acknowledgments() -> None:
    op.create_table(
        "telescope_acknowledgments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False, comment="whose topic it came from"),
        sa.Column("ack_id", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column(
            "timestamp",
            sa.BigInteger(),
            nullable=False,
            comment="the telescope's own clock, Unix time [ms]",
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("source_application", sa.Text(), nullable=False),
        sa.Column("source_hostname", sa.Text()),
        sa.Column("progress_percent", sa.Double()),
        sa.Column("estimated_completion_time", sa.BigInteger(), comment="Unix time [ms]"),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_details", sa.Text()),
        sa.Column(
            "source_id",
            sa.BigInteger(),
            nullable=False,
            comment="sources.id of the topic it was read from",
        ),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("received_at", TIME, nullable=False, comment="when our Kafka got it"),
        sa.Column("stored_at", TIME, server_default=NOW, nullable=False),
        sa.Column(
            "disposition", sa.Text(), nullable=False, comment="what became of it when it came"
        ),
        sa.CheckConstraint(
            "disposition IN ('applied', 'progress', 'duplicate', 'out_of_order', 'conflict', 'late', 'unknown_command', 'wrong_telescope')",
            name=op.f("ck_telescope_acknowledgments_disposition"),
        ),
        sa.CheckConstraint(
            "status IN ('received', 'started', 'completed', 'failed', 'rejected', 'timeout')",
            name=op.f("ck_telescope_acknowledgments_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telescope_acknowledgments")),
        sa.UniqueConstraint(
            "telescope", "ack_id", name=op.f("uq_telescope_acknowledgments_telescope_ack_id")
        ),
    )
    op.create_index(
        op.f("ix_telescope_acknowledgments_command_id"),
        "telescope_acknowledgments",
        ["command_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_telescope_acknowledgments_received_at"),
        "telescope_acknowledgments",
        ["received_at"],
        unique=False,
    )


def make_statuses() -> None:
    op.create_table(
        "telescope_statuses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False, comment="whose topic it came from"),
        sa.Column("status_id", sa.Text(), nullable=False),
        sa.Column(
            "timestamp",
            sa.BigInteger(),
            nullable=False,
            comment="the telescope's own clock, Unix time [ms]",
        ),
        sa.Column("source_application", sa.Text(), nullable=False),
        sa.Column("source_hostname", sa.Text()),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("is_operational", sa.Boolean(), nullable=False),
        sa.Column("current_observation_id", sa.Text()),
        sa.Column("cpu_usage_percent", sa.Double()),
        sa.Column("memory_usage_percent", sa.Double()),
        sa.Column("disk_usage_percent", sa.Double()),
        sa.Column("error_code", sa.Text()),
        sa.Column("additional_info", sa.Text()),
        sa.Column(
            "source_id",
            sa.BigInteger(),
            nullable=False,
            comment="sources.id of the topic it was read from",
        ),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("received_at", TIME, nullable=False, comment="when our Kafka got it"),
        sa.CheckConstraint(
            "level IN ('info', 'warning', 'error', 'critical')",
            name=op.f("ck_telescope_statuses_level"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telescope_statuses")),
        sa.UniqueConstraint(
            "telescope", "status_id", name=op.f("uq_telescope_statuses_telescope_status_id")
        ),
    )
    op.create_index(
        op.f("ix_telescope_statuses_received_at"),
        "telescope_statuses",
        ["received_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_telescope_statuses_telescope_source_application_received_at"),
        "telescope_statuses",
        ["telescope", "source_application", "received_at"],
        unique=False,
    )


def make_latest_status() -> None:
    op.create_table(
        "telescope_latest_status",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False, comment="empty: the application itself"),
        sa.Column("status_id", sa.Text(), nullable=False),
        sa.Column(
            "timestamp",
            sa.BigInteger(),
            nullable=False,
            comment="the telescope's own clock, Unix time [ms]",
        ),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("is_operational", sa.Boolean(), nullable=False),
        sa.Column("current_observation_id", sa.Text()),
        sa.Column("cpu_usage_percent", sa.Double()),
        sa.Column("memory_usage_percent", sa.Double()),
        sa.Column("disk_usage_percent", sa.Double()),
        sa.Column("error_code", sa.Text()),
        sa.Column("received_at", TIME, nullable=False, comment="when our Kafka got it"),
        sa.CheckConstraint(
            "level IN ('info', 'warning', 'error', 'critical')",
            name=op.f("ck_telescope_latest_status_level"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telescope_latest_status")),
        sa.UniqueConstraint(
            "telescope",
            "application",
            "component",
            name=op.f("uq_telescope_latest_status_telescope_application_component"),
        ),
    )


def make_events() -> None:
    op.create_table(
        "telescope_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text()),
        sa.Column("who", sa.Text(), nullable=False, comment="as text: an account may be gone"),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telescope_events")),
    )
    op.create_index(
        op.f("ix_telescope_events_command_id"),
        "telescope_events",
        ["command_id"],
        unique=False,
        postgresql_where=sa.text("command_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_telescope_events_telescope_at"),
        "telescope_events",
        ["telescope", "at"],
        unique=False,
    )
