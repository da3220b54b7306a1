"""Make the tables that streams write, the sequence of epochs and the schema of catalogs."""

import sqlalchemy as sa
from alembic import op

revision = "a1f0c7d20e51"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "alert_duplicates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False, comment="alerts.id"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_duplicates")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            name=op.f("uq_alert_duplicates_source_id_source_partition_source_offset"),
        ),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column(
            "candid", sa.BigInteger(), nullable=False, comment="ZTF candid, LSST diaSourceId"
        ),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("kafka_timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "object_id", sa.BigInteger(), nullable=True, comment="objects.id; null: no object id"
        ),
        sa.Column("jd_utc", sa.Double(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False, comment="of jd_utc, local noon to noon"),
        sa.Column("ra_deg", sa.Double(), nullable=False, comment="ICRS"),
        sa.Column("dec_deg", sa.Double(), nullable=False, comment="ICRS"),
        sa.Column(
            "hpx29", sa.BigInteger(), nullable=False, comment="nested HEALPix index of order 29"
        ),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("programid", sa.SmallInteger(), nullable=True, comment="ZTF: 1 is public"),
        sa.Column("magpsf_abmag", sa.REAL(), nullable=True),
        sa.Column("score", sa.REAL(), nullable=True, comment="ZTF drb, LSST reliability, 0..1"),
        sa.Column(
            "flags",
            sa.SmallInteger(),
            nullable=False,
            comment="two bits each (0 null, 1 false, 2 true), from the lowest: positive, rock, star, near_brightstar, stationary",
        ),
        sa.Column("gate_reason", sa.Text(), nullable=True, comment="null: passed every gate"),
        sa.Column(
            "alert_class", sa.Text(), nullable=True, comment="stellar, hosted, hostless, unknown"
        ),
        sa.Column(
            "survey_match_id",
            sa.BigInteger(),
            nullable=True,
            comment="objects.id in the other survey",
        ),
        sa.Column("output_topic", sa.Text(), nullable=True, comment="class topic, decided once"),
        sa.Column("rule_version", sa.Text(), nullable=True, comment="preset of the classification"),
        sa.Column("archive_segment_id", sa.BigInteger(), nullable=False),
        sa.Column("archive_start", sa.BigInteger(), nullable=False, comment="[bytes]"),
        sa.Column("archive_length", sa.Integer(), nullable=False, comment="[bytes]"),
        sa.Column("archive_crc32", sa.BigInteger(), nullable=False),
        sa.Column("candidate", sa.LargeBinary(), nullable=True, comment="Avro, output schema"),
        sa.Column("properties", sa.LargeBinary(), nullable=True, comment="Avro, output schema"),
        sa.Column(
            "outputs",
            sa.SmallInteger(),
            nullable=False,
            comment="bits: 1 class topic, 2 babamul.none, 4 selected; never cleared",
        ),
        sa.Column(
            "pending",
            sa.SmallInteger(),
            nullable=False,
            comment="same bits, cleared when Kafka acknowledged",
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            name=op.f("uq_alerts_source_id_source_partition_source_offset"),
        ),
        sa.UniqueConstraint("survey", "candid", name=op.f("uq_alerts_survey_candid")),
    )
    op.create_index(op.f("ix_alerts_hpx29"), "alerts", ["hpx29"], unique=False)
    op.create_index(op.f("ix_alerts_object_id"), "alerts", ["object_id"], unique=False)
    op.create_index(op.f("ix_alerts_survey_jd_utc"), "alerts", ["survey", "jd_utc"], unique=False)
    op.create_table(
        "archive_segments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to archive.path"),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column(
            "night", sa.Date(), nullable=False, comment="of the first packet's Kafka timestamp"
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=True, comment="when closed [bytes]"),
        sa.Column("sha256", sa.Text(), nullable=True, comment="when closed"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "confirmed_at", sa.DateTime(timezone=True), nullable=True, comment="found whole on S3"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_segments")),
        sa.UniqueConstraint("host", "path", name=op.f("uq_archive_segments_host_path")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("source_partition", sa.BigInteger(), nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column(
            "last_offset",
            sa.BigInteger(),
            nullable=False,
            comment="equal to source_offset but for intervals",
        ),
        sa.Column("kafka_timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "night", sa.Date(), nullable=True, comment="of kafka_timestamp, local noon to noon"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False, comment="at most 500 characters"),
        sa.Column("traceback", sa.Text(), nullable=True, comment="at most 8 kB"),
        sa.Column("sha256", sa.LargeBinary(), nullable=True, comment="of the packet"),
        sa.Column("archive_segment_id", sa.BigInteger(), nullable=True),
        sa.Column("archive_start", sa.BigInteger(), nullable=True, comment="[bytes]"),
        sa.Column("archive_length", sa.BigInteger(), nullable=True, comment="[bytes]"),
        sa.Column("attempts", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "reason IN ('empty', 'truncated', 'too_large', 'many_records', 'unknown_schema', 'schema_not_allowed', 'array_too_long', 'bad_value', 'bad_image', 'bad_skymap', 'worker_died', 'expired_offsets', 'unexpected')",
            name=op.f("ck_dead_letters_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'retried', 'resolved', 'ignored')",
            name=op.f("ck_dead_letters_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "source_offset",
            "sha256",
            name=op.f("uq_dead_letters_source_id_source_partition_source_offset_sha256"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        op.f("ix_dead_letters_stream_night"), "dead_letters", ["stream", "night"], unique=False
    )
    op.create_table(
        "light_curves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False, comment="objects.id"),
        sa.Column(
            "series", sa.SmallInteger(), nullable=False, comment="0 detection, 1 limit, 2 forced"
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="points"),
        sa.Column("last_jd_utc", sa.Double(), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False, comment="packed, sorted by jd, band"),
        sa.CheckConstraint("series IN (0, 1, 2)", name=op.f("ck_light_curves_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_light_curves")),
        sa.UniqueConstraint("object_id", "series", name=op.f("uq_light_curves_object_id_series")),
        postgresql_with={"fillfactor": 60},
    )
    op.create_table(
        "objects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("ra_deg", sa.Double(), nullable=False, comment="ICRS, of the first stored alert"),
        sa.Column(
            "dec_deg", sa.Double(), nullable=False, comment="ICRS, of the first stored alert"
        ),
        sa.Column(
            "hpx29", sa.BigInteger(), nullable=False, comment="nested HEALPix index of order 29"
        ),
        sa.Column(
            "is_public",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="has a public detection; else it does not exist",
        ),
        sa.Column("alert_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_jd_utc", sa.Double(), nullable=True),
        sa.Column("last_jd_utc", sa.Double(), nullable=True),
        sa.Column(
            "survey_match_id",
            sa.BigInteger(),
            nullable=True,
            comment="objects.id in the other survey; kept once found",
        ),
        sa.Column(
            "survey_match_arcsec",
            sa.Double(),
            nullable=True,
            comment="separation when it was found",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objects")),
        sa.UniqueConstraint("survey", "object_id", name=op.f("uq_objects_survey_object_id")),
    )
    op.create_index(op.f("ix_objects_survey_hpx29"), "objects", ["survey", "hpx29"], unique=False)
    op.create_table(
        "sources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False, comment="name in the topic registry"),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False, comment="Kafka's own id of the topic"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint(
            "stream", "topic", "topic_id", name=op.f("uq_sources_stream_topic_topic_id")
        ),
    )
    op.create_table(
        "stream_gaps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False, comment="inclusive"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_gaps")),
        sa.UniqueConstraint(
            "source_id",
            "source_partition",
            "first_offset",
            name=op.f("uq_stream_gaps_source_id_source_partition_first_offset"),
        ),
    )
    op.create_table(
        "stream_partitions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column(
            "topic_id", sa.Text(), nullable=True, comment="Kafka's id of the topic when last seen"
        ),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="fencing token, from a sequence"
        ),
        sa.Column("owner", sa.Text(), nullable=True, comment="listener slot and process"),
        sa.Column(
            "committed_offset",
            sa.BigInteger(),
            nullable=True,
            comment="next offset not yet finished",
        ),
        sa.Column(
            "high_offset", sa.BigInteger(), nullable=True, comment="high watermark when last seen"
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_partitions")),
        sa.UniqueConstraint(
            "stream", "topic", "partition", name=op.f("uq_stream_partitions_stream_topic_partition")
        ),
    )
    op.create_table(
        "stream_ranges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column(
            "replay_id", sa.BigInteger(), server_default="0", nullable=False, comment="0: live"
        ),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False, comment="inclusive"),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "releases",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="times given back for want of a server",
        ),
        sa.Column("owner", sa.Text(), nullable=True, comment="Celery task id"),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ring_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_count", sa.BigInteger(), nullable=True),
        sa.Column("stored_count", sa.BigInteger(), nullable=True),
        sa.Column("duplicate_count", sa.BigInteger(), nullable=True),
        sa.Column("dead_count", sa.BigInteger(), nullable=True),
        sa.Column("published_count", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True, comment="last error, shortened"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done')", name=op.f("ck_stream_ranges_state")
        ),
        sa.CheckConstraint("last_offset >= first_offset", name=op.f("ck_stream_ranges_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_ranges")),
        sa.UniqueConstraint(
            "stream",
            "topic",
            "partition",
            "replay_id",
            "first_offset",
            name=op.f("uq_stream_ranges_stream_topic_partition_replay_id_first_offset"),
        ),
    )
    op.create_table(
        "streams",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True, comment="null: running"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_streams")),
        sa.UniqueConstraint("name", name=op.f("uq_streams_name")),
    )
    # Packed floats hardly compress, and uncompressed bytes can be sliced without reading the rest.
    # alerts.candidate and alerts.properties stay below TOAST's threshold of 2 kB.
    op.execute("ALTER TABLE light_curves ALTER COLUMN points SET STORAGE EXTERNAL")
    op.execute("CREATE SEQUENCE stream_epochs")
    op.execute("CREATE SCHEMA IF NOT EXISTS catalogs")  # its tables belong to load_catalog


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    # The schema goes only when load_catalog has put nothing into it: catalogs take hours to load.
    op.execute(
        """
        DO $$ BEGIN
            DROP SCHEMA IF EXISTS catalogs RESTRICT;
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE NOTICE 'catalogs are kept';
        END $$
        """
    )
    op.execute("DROP SEQUENCE stream_epochs")
    op.drop_table("streams")
    op.drop_table("stream_ranges")
    op.drop_table("stream_partitions")
    op.drop_table("stream_gaps")
    op.drop_table("sources")
    op.drop_index(op.f("ix_objects_survey_hpx29"), table_name="objects")
    op.drop_table("objects")
    op.drop_table("light_curves")
    op.drop_index(op.f("ix_dead_letters_stream_night"), table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("archive_segments")
    op.drop_index(op.f("ix_alerts_survey_jd_utc"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_object_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_hpx29"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("alert_duplicates")
