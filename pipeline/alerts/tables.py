"""What the alert streams write: alerts, objects, light curves, duplicates, gaps."""

from datetime import date, datetime

from sqlalchemy import (
    REAL,
    Boolean,
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

OUTPUT_CLASS_TOPIC = 1
OUTPUT_NONE_TOPIC = 2
OUTPUT_SELECTED = 4
OUTPUT_SELECTED_JSON = 8
"""Of the first filter; those of each further one lie two bits higher."""
OUTPUT_USER_FILTERS = 1 << 14
"""Some user's filter caught it; ``filter_deliveries`` says whose. The highest bit that fits."""


class SkyObject(Table):
    """One object of one survey; its position is its first stored alert's and never moves."""

    __tablename__ = "objects"
    __table_args__ = (
        UniqueConstraint("survey", "object_id"),
        Index(None, "survey", "hpx29"),
        Index(
            "ix_objects_object_id_prefix",
            "object_id",
            postgresql_ops={"object_id": "text_pattern_ops"},
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    survey: Mapped[str]
    object_id: Mapped[str]
    ra_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the first stored alert")
    dec_deg: Mapped[float] = mapped_column(Double, comment="ICRS, of the first stored alert")
    hpx29: Mapped[int] = mapped_column(comment="nested HEALPix index of order 29")
    is_public: Mapped[bool] = mapped_column(
        Boolean, server_default="false", comment="has a public detection; else it does not exist"
    )
    alert_count: Mapped[int] = mapped_column(Integer, server_default="0")
    first_jd_utc: Mapped[float | None] = mapped_column(Double)
    last_jd_utc: Mapped[float | None] = mapped_column(Double)
    survey_match_id: Mapped[int | None] = mapped_column(
        comment="objects.id in the other survey; kept once found"
    )
    survey_match_arcsec: Mapped[float | None] = mapped_column(
        Double, comment="separation when it was found"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LightCurve(Table):
    """All public points of one series of one object, packed as they go over the wire."""

    __tablename__ = "light_curves"
    __table_args__ = (
        UniqueConstraint("object_id", "series"),
        CheckConstraint("series IN (0, 1, 2)", name="series"),
        {"postgresql_with": {"fillfactor": 60}},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    object_id: Mapped[int] = mapped_column(comment="objects.id")
    series: Mapped[int] = mapped_column(SmallInteger, comment="0 detection, 1 limit, 2 forced")
    n: Mapped[int] = mapped_column(Integer, comment="points")
    last_jd_utc: Mapped[float] = mapped_column(Double)
    points: Mapped[bytes] = mapped_column(LargeBinary, comment="packed, sorted by jd, band")


class Alert(Table):
    """One packet that became an alert.

    Parted by range of (survey, candid), see ``partitions``. The mapper's key ``id`` is an index for
    Postgres, and coordinates are unique in each partition by an index of its own, which no metadata
    can say.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("survey", "candid"),
        Index(None, "id"),
        Index(None, "object_id", "candid"),
        Index(None, "survey", "jd_utc", "candid"),
        Index(None, "hpx29"),
        {"postgresql_partition_by": "RANGE (survey, candid)"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    survey: Mapped[str]
    candid: Mapped[int] = mapped_column(comment="ZTF candid, LSST diaSourceId")
    source_id: Mapped[int]
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    kafka_timestamp: Mapped[datetime]
    object_id: Mapped[int | None] = mapped_column(comment="objects.id; null: no object id")
    jd_utc: Mapped[float] = mapped_column(Double)
    night: Mapped[date] = mapped_column(comment="of jd_utc, local noon to noon")
    ra_deg: Mapped[float] = mapped_column(Double, comment="ICRS")
    dec_deg: Mapped[float] = mapped_column(Double, comment="ICRS")
    hpx29: Mapped[int] = mapped_column(comment="nested HEALPix index of order 29")
    band: Mapped[str | None]
    programid: Mapped[int | None] = mapped_column(SmallInteger, comment="ZTF: 1 is public")
    magpsf_abmag: Mapped[float | None] = mapped_column(REAL)
    score: Mapped[float | None] = mapped_column(REAL, comment="ZTF drb, LSST reliability, 0..1")
    flags: Mapped[int] = mapped_column(
        SmallInteger,
        comment="two bits each (0 null, 1 false, 2 true), from the lowest: positive, rock, star, "
        "near_brightstar, stationary, complete (has all that published clients require)",
    )
    gate_reason: Mapped[str | None] = mapped_column(comment="null: passed every gate")
    alert_class: Mapped[str | None] = mapped_column(comment="stellar, hosted, hostless, unknown")
    survey_match_id: Mapped[int | None] = mapped_column(comment="objects.id in the other survey")
    output_topic: Mapped[str | None] = mapped_column(comment="class topic, decided once")
    rule_version: Mapped[str | None] = mapped_column(comment="preset of the classification")
    archive_segment_id: Mapped[int]
    archive_start: Mapped[int] = mapped_column(comment="[bytes]")
    archive_length: Mapped[int] = mapped_column(Integer, comment="[bytes]")
    archive_crc32: Mapped[int]
    candidate: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Avro, output schema")
    properties: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Avro, output schema")
    outputs: Mapped[int] = mapped_column(
        SmallInteger,
        comment="bits: 1 class topic, 2 babamul.none, 4 selected, 8 these as JSON, "
        "16384 users' filters; never cleared",
    )
    pending: Mapped[int] = mapped_column(
        SmallInteger, comment="same bits, cleared when Kafka acknowledged"
    )
    published_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AlertDuplicate(Table):
    """A packet whose alert already came under other coordinates."""

    __tablename__ = "alert_duplicates"
    __table_args__ = (UniqueConstraint("source_id", "source_partition", "source_offset"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int]
    source_partition: Mapped[int] = mapped_column(Integer)
    source_offset: Mapped[int]
    alert_id: Mapped[int] = mapped_column(comment="alerts.id")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StreamGap(Table):
    """Offsets that hold no message (transaction markers, compaction); never emptied."""

    __tablename__ = "stream_gaps"
    __table_args__ = (UniqueConstraint("source_id", "source_partition", "first_offset"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int]
    source_partition: Mapped[int] = mapped_column(Integer)
    first_offset: Mapped[int]
    last_offset: Mapped[int] = mapped_column(comment="inclusive")
