"""Make the tables of GW follow-up: notices, sky maps, ledger, deliveries, plans, actions, GRBs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "a7e40c91d5b8"
down_revision = "c7d2f3a91b04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "gcn_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="sha256 of the canonical JSON; empty: heartbeat",
        ),
        sa.Column("notice_id", sa.Text(), nullable=True, comment="id in the message"),
        sa.Column(
            "name", sa.Text(), nullable=True, comment="event_name; several are joined by a comma"
        ),
        sa.Column("tense", sa.Text(), nullable=True, comment="alert_tense; null: current"),
        sa.Column("ra_deg", sa.Double(), nullable=True, comment="ICRS"),
        sa.Column("dec_deg", sa.Double(), nullable=True, comment="ICRS"),
        sa.Column("error_deg", sa.Double(), nullable=True, comment="radius, or major half axis"),
        sa.Column("triggerId", sa.Text(), nullable=True, comment="GW event that a circular names"),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the message without sky maps",
        ),
        sa.Column(
            "archive_segment_id", sa.BigInteger(), nullable=True, comment="archive_segments.id"
        ),
        sa.Column("archive_start", sa.BigInteger(), nullable=True, comment="[bytes]"),
        sa.Column("archive_length", sa.Integer(), nullable=True, comment="[bytes]"),
        sa.Column("archive_crc32", sa.BigInteger(), nullable=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gcn_notices")),
        sa.UniqueConstraint("topic", "key", name=op.f("uq_gcn_notices_topic_key")),
    )
    op.create_index(
        op.f("ix_gcn_notices_received_at"), "gcn_notices", ["received_at"], unique=False
    )
    op.create_index(op.f("ix_gcn_notices_triggerId"), "gcn_notices", ["triggerId"], unique=False)
    op.create_table(
        "grb_alerts",
        sa.Column("id_grb", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("triggerId", sa.Text(), nullable=False, comment="the mission's"),
        sa.Column("mission", sa.Text(), nullable=False),
        sa.Column(
            "packet_type", sa.Integer(), nullable=False, comment="61 BAT, 67 XRT, 202 wake-up …"
        ),
        sa.Column("ra", sa.Double(), nullable=True, comment="ICRS [deg]; null: none"),
        sa.Column("dec", sa.Double(), nullable=True, comment="ICRS [deg]; null: none"),
        sa.Column("error_deg", sa.Double(), nullable=True, comment="radius of the position"),
        sa.Column("trigger_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "reception_count", sa.Integer(), nullable=False, comment="order of arrival, from 1"
        ),
        sa.Column("thread_ts", sa.Text(), nullable=True, comment="Slack thread of the burst"),
        sa.Column(
            "channel", sa.Text(), nullable=True, comment="Slack channel id of thread and message"
        ),
        sa.Column("message_ts", sa.Text(), nullable=True, comment="Slack message of this packet"),
        sa.Column("xml_payload", sa.Text(), nullable=False),
        sa.Column("ivorn", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("grb_name", sa.Text(), nullable=True, comment="as 251214; null: no time known"),
        sa.Column(
            "measured",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="significances, duration, magnitude, slew, by name with unit",
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="flags that make it doubtful",
        ),
        sa.Column(
            "t90",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what Swift's page says, later",
        ),
        sa.Column("topic", sa.Text(), nullable=True, comment="null: not from Kafka"),
        sa.Column("source_id", sa.BigInteger(), nullable=True, comment="sources.id"),
        sa.Column("source_partition", sa.Integer(), nullable=True),
        sa.Column("source_offset", sa.BigInteger(), nullable=True),
        sa.Column(
            "archive_segment_id", sa.BigInteger(), nullable=True, comment="archive_segments.id"
        ),
        sa.Column("archive_start", sa.BigInteger(), nullable=True, comment="[bytes]"),
        sa.Column("archive_length", sa.Integer(), nullable=True, comment="[bytes]"),
        sa.Column("archive_crc32", sa.BigInteger(), nullable=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("mission IN ('swift', 'svom')", name=op.f("ck_grb_alerts_mission")),
        sa.CheckConstraint(
            "role IN ('observation', 'test', 'utility', 'prediction')",
            name=op.f("ck_grb_alerts_role"),
        ),
        sa.PrimaryKeyConstraint("id_grb", name=op.f("pk_grb_alerts")),
        sa.UniqueConstraint("channel", "message_ts", name=op.f("uq_grb_alerts_channel_message_ts")),
        sa.UniqueConstraint("ivorn", name=op.f("uq_grb_alerts_ivorn")),
        sa.UniqueConstraint(
            "triggerId", "reception_count", name=op.f("uq_grb_alerts_triggerId_reception_count")
        ),
    )
    op.create_index(op.f("ix_grb_alerts_received_at"), "grb_alerts", ["received_at"], unique=False)
    op.create_table(
        "gw_notice_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False, comment="sources.id"),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_notice_attempts")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            name=op.f("uq_gw_notice_attempts_source_id_source_partition_source_offset"),
        ),
    )
    op.create_table(
        "gw_skymaps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the FITS file"),
        sa.Column("fits", sa.LargeBinary(), nullable=False, comment="the file as it came"),
        sa.Column("is_3d", sa.Boolean(), nullable=False, comment="carries distances"),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("level_min", sa.SmallInteger(), nullable=False, comment="coarsest HEALPix order"),
        sa.Column("level_max", sa.SmallInteger(), nullable=False, comment="finest HEALPix order"),
        sa.Column("area_50_deg2", sa.Double(), nullable=False),
        sa.Column("area_90_deg2", sa.Double(), nullable=False),
        sa.Column("area_95_deg2", sa.Double(), nullable=False),
        sa.Column("peak_ra_deg", sa.Double(), nullable=False, comment="ICRS, of the densest pixel"),
        sa.Column(
            "peak_dec_deg", sa.Double(), nullable=False, comment="ICRS, of the densest pixel"
        ),
        sa.Column(
            "distance_mpc",
            sa.Double(),
            nullable=True,
            comment="of the header, or marginal where it has none",
        ),
        sa.Column("distance_std_mpc", sa.Double(), nullable=True),
        sa.Column(
            "distance_region_mpc",
            sa.Double(),
            nullable=True,
            comment="unweighted mean over the 90 % region",
        ),
        sa.Column("distance_region_std_mpc", sa.Double(), nullable=True),
        sa.Column(
            "moc_50",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="MOC JSON: order to nested pixels",
        ),
        sa.Column(
            "moc_90",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="MOC JSON: order to nested pixels",
        ),
        sa.Column(
            "moc_95",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="MOC JSON: order to nested pixels",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_skymaps")),
        sa.UniqueConstraint("sha256", name=op.f("uq_gw_skymaps_sha256")),
    )
    op.create_table(
        "gw_telescope_outages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False, comment="name, for people"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="taken back before its time",
        ),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_telescope_outages")),
    )
    op.create_index(
        op.f("ix_gw_telescope_outages_telescope_until_at"),
        "gw_telescope_outages",
        ["telescope", "until_at"],
        unique=False,
    )
    op.create_table(
        "gw_alerts",
        sa.Column("id_gw", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("triggerId", sa.Text(), nullable=False, comment="superevent, as S241102br"),
        sa.Column("thread_ts", sa.Text(), nullable=True, comment="Slack thread of the event"),
        sa.Column(
            "channel", sa.Text(), nullable=True, comment="Slack channel id of thread and card"
        ),
        sa.Column(
            "message_ts", sa.Text(), nullable=True, comment="Slack message of this row's card"
        ),
        sa.Column(
            "reception_count", sa.Integer(), nullable=False, comment="order of arrival, from 1"
        ),
        sa.Column(
            "payload_json",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the notice without its sky maps",
        ),
        sa.Column(
            "is_process_running",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="a plan of this row is queued or running",
        ),
        sa.Column(
            "owncloud_url", sa.Text(), nullable=True, comment="path of its folder below the base"
        ),
        sa.Column("alert_type", sa.Text(), nullable=False, comment="as written in the notice"),
        sa.Column("time_created", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "payload_sha256", sa.Text(), nullable=False, comment="of the notice as canonical JSON"
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("significant", sa.Boolean(), nullable=False),
        sa.Column(
            "is_silent",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="stored only: too old when it came",
        ),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=True, comment="T0"),
        sa.Column("far_hz", sa.Double(), nullable=True, comment="false alarm rate"),
        sa.Column(
            "event_class", sa.Text(), nullable=True, comment="most probable one; null: not given"
        ),
        sa.Column("class_probability", sa.Double(), nullable=True, comment="0 to 1"),
        sa.Column("score", sa.SmallInteger(), server_default="0", nullable=False, comment="0 to 3"),
        sa.Column(
            "score_rule", sa.Text(), server_default="", nullable=False, comment="which rule decided"
        ),
        sa.Column("action", sa.Text(), server_default="NO", nullable=False),
        sa.Column(
            "suggestion", sa.Text(), nullable=True, comment="of the cookbook; a person decides"
        ),
        sa.Column("area_50_deg2", sa.Double(), nullable=True),
        sa.Column("area_90_deg2", sa.Double(), nullable=True),
        sa.Column("distance_mpc", sa.Double(), nullable=True),
        sa.Column("distance_std_mpc", sa.Double(), nullable=True),
        sa.Column("distance_region_mpc", sa.Double(), nullable=True),
        sa.Column(
            "skymap_id", sa.BigInteger(), nullable=True, comment="gw_skymaps.id; the map scored"
        ),
        sa.Column(
            "combined_skymap_id",
            sa.BigInteger(),
            nullable=True,
            comment="gw_skymaps.id; with the GRB's",
        ),
        sa.Column("skymap_error", sa.Text(), nullable=True, comment="why there is no usable map"),
        sa.Column("state", sa.Text(), server_default="current", nullable=False),
        sa.Column("topic", sa.Text(), nullable=True, comment="null: not from Kafka"),
        sa.Column("source_id", sa.BigInteger(), nullable=True, comment="sources.id"),
        sa.Column("source_partition", sa.Integer(), nullable=True),
        sa.Column("source_offset", sa.BigInteger(), nullable=True),
        sa.Column("kafka_timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "archive_segment_id", sa.BigInteger(), nullable=True, comment="archive_segments.id"
        ),
        sa.Column("archive_start", sa.BigInteger(), nullable=True, comment="[bytes]"),
        sa.Column("archive_length", sa.Integer(), nullable=True, comment="[bytes]"),
        sa.Column("archive_crc32", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("action IN ('GO', 'NO')", name=op.f("ck_gw_alerts_action")),
        sa.CheckConstraint("kind IN ('real', 'mock', 'test')", name=op.f("ck_gw_alerts_kind")),
        sa.CheckConstraint(
            "state IN ('current', 'superseded', 'retracted', 'ignored')",
            name=op.f("ck_gw_alerts_state"),
        ),
        sa.CheckConstraint("reception_count >= 1", name=op.f("ck_gw_alerts_reception_count")),
        sa.ForeignKeyConstraint(
            ["combined_skymap_id"],
            ["gw_skymaps.id"],
            name=op.f("fk_gw_alerts_combined_skymap_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["skymap_id"],
            ["gw_skymaps.id"],
            name=op.f("fk_gw_alerts_skymap_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id_gw", name=op.f("pk_gw_alerts")),
        sa.UniqueConstraint("channel", "message_ts", name=op.f("uq_gw_alerts_channel_message_ts")),
        sa.UniqueConstraint("owncloud_url", name=op.f("uq_gw_alerts_owncloud_url")),
        sa.UniqueConstraint(
            "triggerId",
            "alert_type",
            "time_created",
            "payload_sha256",
            name=op.f("uq_gw_alerts_triggerId_alert_type_time_created_payload_sha256"),
        ),
        sa.UniqueConstraint(
            "triggerId", "reception_count", name=op.f("uq_gw_alerts_triggerId_reception_count")
        ),
    )
    op.create_index(op.f("ix_gw_alerts_received_at"), "gw_alerts", ["received_at"], unique=False)
    op.create_index(op.f("ix_gw_alerts_skymap_id"), "gw_alerts", ["skymap_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "delivery_id",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
            comment="stands in the message's metadata",
        ),
        sa.Column(
            "channel",
            sa.Text(),
            nullable=False,
            comment="Slack channel id, or owncloud, or directory",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="M1 to M10, picture, file, folder"),
        sa.Column("key", sa.Text(), nullable=False, comment="which one of its kind"),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("thread_ts", sa.Text(), nullable=True, comment="Slack thread that it lies in"),
        sa.Column("ts", sa.Text(), nullable=True, comment="Slack's id of the message"),
        sa.Column("path", sa.Text(), nullable=True, comment="of the file, below the base"),
        sa.Column("sha256", sa.Text(), nullable=True, comment="of what was sent last"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True, comment="at most 500 characters"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id_gw", sa.BigInteger(), nullable=True, comment="gw_alerts.id_gw"),
        sa.Column("id_grb", sa.BigInteger(), nullable=True, comment="grb_alerts.id_grb"),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'dead')", name=op.f("ck_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["id_grb"], ["grb_alerts.id_grb"], name=op.f("fk_deliveries_id_grb"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"], ["gw_alerts.id_gw"], name=op.f("fk_deliveries_id_gw"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("channel", "kind", "key", name=op.f("uq_deliveries_channel_kind_key")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_deliveries_delivery_id")),
    )
    op.create_index(op.f("ix_deliveries_channel_ts"), "deliveries", ["channel", "ts"], unique=False)
    op.create_index(op.f("ix_deliveries_id_grb"), "deliveries", ["id_grb"], unique=False)
    op.create_index(op.f("ix_deliveries_id_gw"), "deliveries", ["id_gw"], unique=False)
    op.create_table(
        "gw_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id_gw", sa.BigInteger(), nullable=False, comment="gw_alerts.id_gw"),
        sa.Column("triggerId", sa.Text(), nullable=False, comment="superevent"),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False, comment="name, for people"),
        sa.Column("slack_user", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "decision IN ('follow_up', 'no_follow_up')", name=op.f("ck_gw_decisions_decision")
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"], ["gw_alerts.id_gw"], name=op.f("fk_gw_decisions_id_gw"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_decisions")),
    )
    op.create_index(op.f("ix_gw_decisions_id_gw"), "gw_decisions", ["id_gw"], unique=False)
    op.create_index(
        op.f("ix_gw_decisions_triggerId_created_at"),
        "gw_decisions",
        ["triggerId", "created_at"],
        unique=False,
    )
    op.create_table(
        "gw_plan_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id_gw", sa.BigInteger(), nullable=False, comment="gw_alerts.id_gw"),
        sa.Column("run", sa.Integer(), nullable=False, comment="of this notice, from 1"),
        sa.Column(
            "position", sa.SmallInteger(), nullable=False, comment="of the group in its run, from 1"
        ),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column(
            "telescopes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="names, in order",
        ),
        sa.Column(
            "max_tiles",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="for each telescope",
        ),
        sa.Column("exposure_s", sa.Double(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=True, comment="null: planned by itself"),
        sa.Column("channel", sa.Text(), nullable=True, comment="Slack channel id of its message"),
        sa.Column("ts", sa.Text(), nullable=True, comment="Slack message that tells how far it is"),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "origin IN ('auto', 'manual', 'replan')", name=op.f("ck_gw_plan_groups_origin")
        ),
        sa.CheckConstraint(
            "state IN ('wanted', 'running', 'done', 'failed', 'superseded', 'cancelled')",
            name=op.f("ck_gw_plan_groups_state"),
        ),
        sa.CheckConstraint(
            "strategy IN ('tiling', 'galaxies')", name=op.f("ck_gw_plan_groups_strategy")
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"], ["gw_alerts.id_gw"], name=op.f("fk_gw_plan_groups_id_gw"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_plan_groups")),
        sa.UniqueConstraint("channel", "ts", name=op.f("uq_gw_plan_groups_channel_ts")),
        sa.UniqueConstraint(
            "id_gw", "run", "position", name=op.f("uq_gw_plan_groups_id_gw_run_position")
        ),
    )
    op.create_table(
        "gw_slack_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="user, message, action and its time, or the view's id: the same request is one row",
        ),
        sa.Column("id_gw", sa.BigInteger(), nullable=True, comment="gw_alerts.id_gw"),
        sa.Column(
            "action_id",
            sa.Text(),
            nullable=False,
            comment="of the button, or callback id of the view",
        ),
        sa.Column("action_ts", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True, comment="of the button"),
        sa.Column(
            "form",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what was filled in, of a view",
        ),
        sa.Column("user_id", sa.Text(), nullable=False, comment="Slack's"),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True, comment="of the user when it was pressed"),
        sa.Column("channel", sa.Text(), nullable=True, comment="Slack channel id"),
        sa.Column("message_ts", sa.Text(), nullable=True, comment="of the message with the button"),
        sa.Column("thread_ts", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="counted before each one begins",
        ),
        sa.Column("owner", sa.Text(), nullable=True, comment="task id of who works on it"),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="then another may claim it",
        ),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "ring_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '15 seconds'"),
            nullable=False,
            comment="the sweeper rings then",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="at most 500 characters"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('wanted', 'running', 'done', 'failed', 'skipped', 'cancelled')",
            name=op.f("ck_gw_slack_actions_state"),
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"],
            ["gw_alerts.id_gw"],
            name=op.f("fk_gw_slack_actions_id_gw"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_slack_actions")),
        sa.UniqueConstraint("key", name=op.f("uq_gw_slack_actions_key")),
    )
    op.create_index(op.f("ix_gw_slack_actions_id_gw"), "gw_slack_actions", ["id_gw"], unique=False)
    op.create_index(
        op.f("ix_gw_slack_actions_ring_at"),
        "gw_slack_actions",
        ["ring_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.create_table(
        "gw_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("step", sa.Text(), nullable=False, comment="name in pipeline.gw.step_registry"),
        sa.Column(
            "key",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="which one; of plans: gw_plans.id",
        ),
        sa.Column("id_gw", sa.BigInteger(), nullable=True, comment="gw_alerts.id_gw"),
        sa.Column("id_grb", sa.BigInteger(), nullable=True, comment="grb_alerts.id_grb"),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="counted before each one begins",
        ),
        sa.Column("owner", sa.Text(), nullable=True, comment="task id of who works on it"),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="then another may claim it",
        ),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "ring_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '15 seconds'"),
            nullable=False,
            comment="the sweeper rings then",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="at most 500 characters"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('wanted', 'running', 'done', 'failed', 'skipped', 'cancelled')",
            name=op.f("ck_gw_steps_state"),
        ),
        sa.CheckConstraint("num_nonnulls(id_gw, id_grb) = 1", name=op.f("ck_gw_steps_subject")),
        sa.ForeignKeyConstraint(
            ["id_grb"], ["grb_alerts.id_grb"], name=op.f("fk_gw_steps_id_grb"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"], ["gw_alerts.id_gw"], name=op.f("fk_gw_steps_id_gw"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_steps")),
        sa.UniqueConstraint(
            "id_gw",
            "id_grb",
            "step",
            "key",
            name=op.f("uq_gw_steps_id_gw_id_grb_step_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_gw_steps_id_grb"), "gw_steps", ["id_grb"], unique=False)
    op.create_index(
        op.f("ix_gw_steps_ring_at"),
        "gw_steps",
        ["ring_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.create_table(
        "gw_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id_gw", sa.BigInteger(), nullable=False, comment="gw_alerts.id_gw"),
        sa.Column("group_id", sa.BigInteger(), nullable=False, comment="gw_plan_groups.id"),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("max_tiles", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="why it failed, was skipped, or has no tile; one line",
        ),
        sa.Column("pid", sa.Integer(), nullable=True, comment="leads its group of processes"),
        sa.Column("host", sa.Text(), nullable=True, comment="that pid runs there"),
        sa.Column("tile_count", sa.Integer(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True, comment="of the tiles' union, 0 to 1"),
        sa.Column("area_deg2", sa.Double(), nullable=True, comment="of the tiles' union"),
        sa.Column(
            "covered_90_percent",
            sa.Double(),
            nullable=True,
            comment="of the 90 % region inside the union",
        ),
        sa.Column(
            "surface_ratio_percent",
            sa.Double(),
            nullable=True,
            comment="sum of tile areas over the 90 % area; exceeds 100",
        ),
        sa.Column("first_start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "removed_rows",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the independent check refused, and why",
        ),
        sa.Column("scheduler", sa.Text(), nullable=True),
        sa.Column(
            "telescope_reviewed",
            sa.Boolean(),
            nullable=True,
            comment="false: its facts were not confirmed by its owners",
        ),
        sa.Column(
            "folder", sa.Text(), nullable=True, comment="of its files, relative to nightjar's home"
        ),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('wanted', 'running', 'done', 'failed', 'skipped', 'superseded', 'cancelled')",
            name=op.f("ck_gw_plans_state"),
        ),
        sa.CheckConstraint("strategy IN ('tiling', 'galaxies')", name=op.f("ck_gw_plans_strategy")),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["gw_plan_groups.id"],
            name=op.f("fk_gw_plans_group_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["id_gw"], ["gw_alerts.id_gw"], name=op.f("fk_gw_plans_id_gw"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_plans")),
        sa.UniqueConstraint(
            "id_gw",
            "telescope",
            "strategy",
            "generation",
            name=op.f("uq_gw_plans_id_gw_telescope_strategy_generation"),
        ),
    )
    op.create_index(op.f("ix_gw_plans_group_id"), "gw_plans", ["group_id"], unique=False)
    op.create_index(
        "uq_gw_plans_open",
        "gw_plans",
        ["id_gw", "telescope", "strategy"],
        unique=True,
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.create_table(
        "gw_plan_tiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False, comment="gw_plans.id"),
        sa.Column("rank_id", sa.Integer(), nullable=False, comment="order of observation, from 1"),
        sa.Column("tile_id", sa.BigInteger(), nullable=False, comment="in the telescope's grid"),
        sa.Column("ra_deg", sa.Double(), nullable=False, comment="ICRS, of the centre"),
        sa.Column("dec_deg", sa.Double(), nullable=False, comment="ICRS, of the centre"),
        sa.Column(
            "probability", sa.Double(), nullable=False, comment="inside the footprint, 0 to 1"
        ),
        sa.Column(
            "cumulative_probability", sa.Double(), nullable=False, comment="of the union so far"
        ),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exposure_s", sa.Double(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("airmass", sa.Double(), nullable=False),
        sa.Column(
            "galaxies",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of galaxy targeting",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["gw_plans.id"], name=op.f("fk_gw_plan_tiles_plan_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_plan_tiles")),
        sa.UniqueConstraint("plan_id", "rank_id", name=op.f("uq_gw_plan_tiles_plan_id_rank_id")),
    )
    op.create_table(
        "gw_claims",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False, comment="gw_plans.id"),
        sa.Column("telescope", sa.Text(), nullable=False),
        sa.Column("tile_id", sa.BigInteger(), nullable=False, comment="gw_plan_tiles.id"),
        sa.Column("state", sa.Text(), server_default="claimed", nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False, comment="name, for people"),
        sa.Column("slack_user", sa.Text(), nullable=True),
        sa.Column(
            "claimed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "ended_at", sa.DateTime(timezone=True), nullable=True, comment="observed, or given back"
        ),
        sa.CheckConstraint(
            "state IN ('claimed', 'done', 'released')", name=op.f("ck_gw_claims_state")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["gw_plans.id"], name=op.f("fk_gw_claims_plan_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tile_id"], ["gw_plan_tiles.id"], name=op.f("fk_gw_claims_tile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gw_claims")),
        sa.UniqueConstraint(
            "plan_id", "telescope", "tile_id", name=op.f("uq_gw_claims_plan_id_telescope_tile_id")
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("gw_claims")
    op.drop_table("gw_plan_tiles")
    op.drop_index(
        "uq_gw_plans_open",
        table_name="gw_plans",
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.drop_index(op.f("ix_gw_plans_group_id"), table_name="gw_plans")
    op.drop_table("gw_plans")
    op.drop_index(
        op.f("ix_gw_steps_ring_at"),
        table_name="gw_steps",
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.drop_index(op.f("ix_gw_steps_id_grb"), table_name="gw_steps")
    op.drop_table("gw_steps")
    op.drop_index(
        op.f("ix_gw_slack_actions_ring_at"),
        table_name="gw_slack_actions",
        postgresql_where=sa.text("state IN ('wanted', 'running')"),
    )
    op.drop_index(op.f("ix_gw_slack_actions_id_gw"), table_name="gw_slack_actions")
    op.drop_table("gw_slack_actions")
    op.drop_table("gw_plan_groups")
    op.drop_index(op.f("ix_gw_decisions_triggerId_created_at"), table_name="gw_decisions")
    op.drop_index(op.f("ix_gw_decisions_id_gw"), table_name="gw_decisions")
    op.drop_table("gw_decisions")
    op.drop_index(op.f("ix_deliveries_id_gw"), table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_id_grb"), table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_channel_ts"), table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_gw_alerts_skymap_id"), table_name="gw_alerts")
    op.drop_index(op.f("ix_gw_alerts_received_at"), table_name="gw_alerts")
    op.drop_table("gw_alerts")
    op.drop_index(
        op.f("ix_gw_telescope_outages_telescope_until_at"), table_name="gw_telescope_outages"
    )
    op.drop_table("gw_telescope_outages")
    op.drop_table("gw_skymaps")
    op.drop_table("gw_notice_attempts")
    op.drop_index(op.f("ix_grb_alerts_received_at"), table_name="grb_alerts")
    op.drop_table("grb_alerts")
    op.drop_index(op.f("ix_gcn_notices_triggerId"), table_name="gcn_notices")
    op.drop_index(op.f("ix_gcn_notices_received_at"), table_name="gcn_notices")
    op.drop_table("gcn_notices")
