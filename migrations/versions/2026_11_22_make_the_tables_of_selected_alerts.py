"""Make the tables of selected alerts and of output files; know of segments whether S3 has them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "8a3d61f0c2be"
down_revision = "e4b17a90c3d2"
branch_labels = None
depends_on = None

TABLES = ("selected_runs", "selected_alerts", "output_files", "selections")
SEGMENTS = "archive_segments"
OF_SEGMENTS = (
    ("s3_key", sa.Text(), None),
    ("s3_state", sa.Text(), "null: never tried"),
    ("deleted_at", sa.DateTime(timezone=True), "by retention"),
)
S3_STATES = "('partial', 'uploaded', 'confirmed', 'failed')"
CUTOUT_STATES = "('present', 'absent', 'broken', 'wanted')"


def key() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def big(name: str, comment: str | None = None, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=comment)


def count(name: str, comment: str | None = None) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment)


def words(name: str, comment: str | None = None, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def when(name: str, comment: str | None = None, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def now(name: str) -> sa.Column:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def number(name: str, kind: sa.types.TypeEngine, comment: str | None = None) -> sa.Column:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    make_selections()
    make_selected_alerts()
    make_output_files()
    make_selected_runs()
    for name, kind, comment in OF_SEGMENTS:
        op.add_column(SEGMENTS, sa.Column(name, kind, nullable=True, comment=comment))
    op.create_check_constraint(
        op.f("ck_archive_segments_s3_state"), SEGMENTS, f"s3_state IN {S3_STATES}"
    )


def make_selections() -> None:
    op.create_table(
        "selections",
        key(),
        words("name", "of the source that it is read from"),
        words("host", "which alone writes its files"),
        words("root", "folder that paths are relative to"),
        now("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selections")),
        sa.UniqueConstraint("name", "root", name=op.f("uq_selections_name_root")),
    )


def make_selected_alerts() -> None:
    op.create_table(
        "selected_alerts",
        key(),
        big("selection_id", "selections.id"),
        words("survey"),
        big("alert_id"),
        big("source_id", "sources.id of the topic it was read from"),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        big("source_offset"),
        big("dia_source_id"),
        big("dia_object_id", "0: none", nullable=True),
        sa.Column("ra_deg", sa.Double(), nullable=False, comment="ICRS"),
        sa.Column("dec_deg", sa.Double(), nullable=False, comment="ICRS"),
        sa.Column("mjd_tai", sa.Double(), nullable=False),
        words("filter_name", nullable=True),
        number("ps_flux_njy", sa.REAL(), "may be negative"),
        number("ps_flux_err_njy", sa.REAL()),
        *(
            number(f"extendedness_{which}", sa.Double(), "0..1")
            for which in ("median", "min", "max")
        ),
        *(
            words(f"{kind}_path", "below the selection's root", nullable=True)
            for kind in ("science", "template", "difference")
        ),
        *(words(f"{kind}_state") for kind in ("science", "template", "difference")),
        sa.Column("extra", JSONB(), nullable=False, comment="every further column that is known"),
        when("processed_at", "set once; names its files", nullable=False),
        big("file_id", "output_files.id of its night's CSV"),
        big("csv_seq", "line in it, from 1; null: not written", nullable=True),
        big("archive_segment_id", "null: no packet is known", nullable=True),
        big("archive_start", "[bytes]", nullable=True),
        sa.Column("archive_length", sa.Integer(), nullable=True, comment="[bytes]"),
        big("archive_crc32", nullable=True),
        *(
            sa.CheckConstraint(
                f"{kind}_state IN {CUTOUT_STATES}", name=op.f(f"ck_selected_alerts_{kind}_state")
            )
            for kind in ("science", "template", "difference")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selected_alerts")),
        sa.UniqueConstraint(
            "selection_id",
            "survey",
            "alert_id",
            name=op.f("uq_selected_alerts_selection_id_survey_alert_id"),
        ),
        sa.UniqueConstraint("file_id", "csv_seq", name=op.f("uq_selected_alerts_file_id_csv_seq")),
    )
    op.create_index(
        "ix_selected_alerts_unwritten",
        "selected_alerts",
        ["file_id", "id"],
        postgresql_where=sa.text("csv_seq IS NULL"),
    )


def make_output_files() -> None:
    op.create_table(
        "output_files",
        key(),
        words("host"),
        words("root"),
        words("path", "relative to root"),
        words("kind"),
        sa.Column("night", sa.Date(), nullable=False, comment="that its retention counts from"),
        big("selection_id", "selections.id", nullable=True),
        sa.Column(
            "columns",
            JSONB(),
            nullable=True,
            comment="of a CSV, behind the first 16; fixed when it is begun",
        ),
        count("length", "[bytes]; more is not ours yet"),
        count("rows", "lines behind the head"),
        words("sha256", "once it does not change any more", nullable=True),
        now("created_at"),
        when("closed_at", "nothing is added any more"),
        words("s3_key", nullable=True),
        words("s3_state", "null: never tried", nullable=True),
        when("confirmed_at", "found whole on S3"),
        when("deleted_at", "by retention"),
        sa.CheckConstraint(
            "kind IN ('csv', 'parquet', 'cutout', 'jsonl', 'image', 'log')",
            name=op.f("ck_output_files_kind"),
        ),
        sa.CheckConstraint(f"s3_state IN {S3_STATES}", name=op.f("ck_output_files_s3_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_output_files")),
        sa.UniqueConstraint("host", "root", "path", name=op.f("uq_output_files_host_root_path")),
    )
    op.create_index(op.f("ix_output_files_kind_night"), "output_files", ["kind", "night"])
    op.create_index(
        op.f("ix_output_files_selection_id_night_kind"),
        "output_files",
        ["selection_id", "night", "kind"],
    )


def make_selected_runs() -> None:
    op.create_table(
        "selected_runs",
        key(),
        big("selection_id", "selections.id"),
        words("kind"),
        sa.Column(
            "night", sa.Date(), nullable=False, comment="UTC date of the files that it wrote"
        ),
        words("slot", "which process of its kind"),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        words("requested_by", nullable=True),
        count("read_count", "messages"),
        count("written_count"),
        count("filtered_count", "refused by our own look, of other brokers' topics"),
        count("failed_count", "became dead letters"),
        count("duplicate_count"),
        count("no_packet_count", "of those written: without packet and images"),
        count("missing_cutout_count", "not in a packet"),
        count("broken_cutout_count", "unreadable"),
        count("behind_count", "offsets that a run that stopped short did not read"),
        words("error", "why it failed or stopped short", nullable=True),
        now("started_at"),
        now("updated_at"),
        when("ended_at"),
        sa.CheckConstraint(
            "kind IN ('listen', 'collect', 'rerun')", name=op.f("ck_selected_runs_kind")
        ),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'short', 'failed', 'interrupted')",
            name=op.f("ck_selected_runs_state"),
        ),
        sa.CheckConstraint(
            "read_count = written_count + filtered_count + failed_count + duplicate_count",
            name=op.f("ck_selected_runs_adds_up"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selected_runs")),
    )
    op.create_index(
        op.f("ix_selected_runs_selection_id_night"), "selected_runs", ["selection_id", "night"]
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f("ck_archive_segments_s3_state"), SEGMENTS)
    for name, _, _ in OF_SEGMENTS:
        op.drop_column(SEGMENTS, name)
    for table in TABLES:
        op.drop_table(table)
