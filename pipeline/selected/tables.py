"""Selected alerts, the files that they are written to, and the runs that read them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    REAL,
    CheckConstraint,
    ColumnElement,
    Double,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    func,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from broker.archive import S3_STATES
from broker.db import Table

CUTOUT_KINDS = ("science", "template", "difference")
CUTOUT_STATES = ("present", "absent", "broken", "wanted")
"""On disk (or about to be), not in the packet, unreadable, to be fetched elsewhere."""
FILE_KINDS = ("csv", "parquet", "cutout", "jsonl", "image", "log")
RUN_KINDS = ("listen", "collect", "rerun")
RUN_STATES = ("running", "done", "short", "failed", "interrupted")
"""At work, at the end, out of time, hindered, dead."""


class Selection(Table):
    """One selection as one host writes it below one root."""

    __tablename__ = "selections"
    __table_args__ = (UniqueConstraint("name", "root"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(comment="of the source that it is read from")
    host: Mapped[str] = mapped_column(comment="which alone writes its files")
    root: Mapped[str] = mapped_column(comment="folder that paths are relative to")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SelectedAlert(Table):
    """One alert of a selection, with the values of its line in the table of its night."""

    __tablename__ = "selected_alerts"
    __table_args__ = (
        UniqueConstraint("selection_id", "survey", "dia_source_id"),
        UniqueConstraint("file_id", "csv_seq"),
        *(
            CheckConstraint(f"{kind}_state IN {CUTOUT_STATES}", name=f"{kind}_state")
            for kind in CUTOUT_KINDS
        ),
        Index(
            "ix_selected_alerts_unwritten",
            "file_id",
            "id",
            postgresql_where=text("csv_seq IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    selection_id: Mapped[int] = mapped_column(comment="selections.id")
    survey: Mapped[str]
    alert_id: Mapped[int] = mapped_column(comment="up to schema 7.4 not that of its source")
    source_id: Mapped[int] = mapped_column(comment="sources.id of the topic it was read from")
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    dia_source_id: Mapped[int] = mapped_column(comment="which every form of a message has")
    dia_object_id: Mapped[int | None] = mapped_column(comment="0: none")
    ra_deg: Mapped[float] = mapped_column(Double, comment="ICRS")
    dec_deg: Mapped[float] = mapped_column(Double, comment="ICRS")
    mjd_tai: Mapped[float] = mapped_column(Double)
    filter_name: Mapped[str | None]
    ps_flux_njy: Mapped[float | None] = mapped_column(REAL, comment="may be negative")
    ps_flux_err_njy: Mapped[float | None] = mapped_column(REAL)
    extendedness_median: Mapped[float | None] = mapped_column(Double, comment="0..1")
    extendedness_min: Mapped[float | None] = mapped_column(Double, comment="0..1")
    extendedness_max: Mapped[float | None] = mapped_column(Double, comment="0..1")
    science_path: Mapped[str | None] = mapped_column(comment="below the selection's root")
    template_path: Mapped[str | None] = mapped_column(comment="below the selection's root")
    difference_path: Mapped[str | None] = mapped_column(comment="below the selection's root")
    science_state: Mapped[str]
    template_state: Mapped[str]
    difference_state: Mapped[str]
    extra: Mapped[dict[str, Any]] = mapped_column(comment="every further column that is known")
    processed_at: Mapped[datetime] = mapped_column(comment="set once; names its files")
    file_id: Mapped[int] = mapped_column(comment="output_files.id of its night's CSV")
    csv_seq: Mapped[int | None] = mapped_column(comment="line in it, from 1; null: not written")
    archive_segment_id: Mapped[int | None] = mapped_column(comment="null: no packet is known")
    archive_start: Mapped[int | None] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int | None] = mapped_column(Integer, comment="[bytes]")
    archive_crc32: Mapped[int | None]


def wants_images() -> ColumnElement[bool]:
    """Return the condition of rows whose line waits for images that are fetched elsewhere."""
    return or_(*(getattr(SelectedAlert, f"{kind}_state") == "wanted" for kind in CUTOUT_KINDS))


class OutputFile(Table):
    """One file below an output root, as far as it is known to be on disk."""

    __tablename__ = "output_files"
    __table_args__ = (
        UniqueConstraint("host", "root", "path"),
        CheckConstraint(f"kind IN {FILE_KINDS}", name="kind"),
        CheckConstraint(f"s3_state IN {S3_STATES}", name="s3_state"),
        Index(None, "kind", "night"),
        Index(None, "selection_id", "night", "kind"),
        Index(
            "ix_output_files_here",
            "kind",
            "night",
            "host",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_output_files_unproved",
            "host",
            "id",
            postgresql_where=text("confirmed_at IS NULL AND deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    host: Mapped[str]
    root: Mapped[str]
    path: Mapped[str] = mapped_column(comment="relative to root")
    kind: Mapped[str]
    night: Mapped[date] = mapped_column(comment="that its retention counts from")
    selection_id: Mapped[int | None] = mapped_column(comment="selections.id")
    columns: Mapped[list[str] | None] = mapped_column(
        JSONB, comment="of a CSV, behind the first 16; fixed when it is begun"
    )
    length: Mapped[int] = mapped_column(server_default="0", comment="[bytes]; more is not ours yet")
    rows: Mapped[int] = mapped_column(server_default="0", comment="lines behind the head")
    sha256: Mapped[str | None] = mapped_column(comment="once it does not change any more")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None] = mapped_column(comment="nothing is added any more")
    s3_key: Mapped[str | None]
    s3_state: Mapped[str | None] = mapped_column(comment="null: never tried")
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="found whole on S3")
    deleted_at: Mapped[datetime | None] = mapped_column(comment="by retention")


class SelectedRun(Table):
    """One run of a consumer over one night, and what became of the messages that it read."""

    __tablename__ = "selected_runs"
    __table_args__ = (
        CheckConstraint(f"kind IN {RUN_KINDS}", name="kind"),
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        CheckConstraint(
            "read_count = written_count + filtered_count + failed_count + duplicate_count",
            name="adds_up",
        ),
        Index(None, "selection_id", "night"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    selection_id: Mapped[int] = mapped_column(comment="selections.id")
    kind: Mapped[str]
    night: Mapped[date] = mapped_column(comment="UTC date of the files that it wrote")
    slot: Mapped[str] = mapped_column(comment="which process of its kind")
    state: Mapped[str] = mapped_column(server_default="running")
    requested_by: Mapped[str | None]
    read_count: Mapped[int] = mapped_column(server_default="0", comment="messages")
    written_count: Mapped[int] = mapped_column(server_default="0")
    filtered_count: Mapped[int] = mapped_column(
        server_default="0", comment="refused by our own look, of other brokers' topics"
    )
    failed_count: Mapped[int] = mapped_column(server_default="0", comment="became dead letters")
    duplicate_count: Mapped[int] = mapped_column(server_default="0")
    no_packet_count: Mapped[int] = mapped_column(
        server_default="0", comment="of those written: without packet and images"
    )
    missing_cutout_count: Mapped[int] = mapped_column(server_default="0", comment="not in a packet")
    broken_cutout_count: Mapped[int] = mapped_column(server_default="0", comment="unreadable")
    late_count: Mapped[int] = mapped_column(
        server_default="0",
        comment="lines of rows that a process before it had stored and not written",
    )
    mended_count: Mapped[int] = mapped_column(
        server_default="0", comment="files that were lost or changed, and are made again"
    )
    behind_count: Mapped[int] = mapped_column(
        server_default="0", comment="offsets that a run that stopped short did not read"
    )
    error: Mapped[str | None] = mapped_column(comment="why it failed or stopped short")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class RetentionRun(Table):
    """One look of a host for files whose time is over, and what became of them."""

    __tablename__ = "retention_runs"
    __table_args__ = (
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        Index(None, "day", "host"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    host: Mapped[str]
    day: Mapped[date] = mapped_column(comment="UTC date up to which ages count")
    state: Mapped[str] = mapped_column(server_default="running")
    is_command: Mapped[bool] = mapped_column(comment="somebody ran it by hand")
    due: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="what may go, by kind: files, bytes, nights; noted before any went"
    )
    kept: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="what stays though its time is over, by kind and reason"
    )
    deleted: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", comment="what went, by kind"
    )
    error: Mapped[str | None] = mapped_column(comment="what hindered it")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
