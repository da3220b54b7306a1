"""The table of what telescopes observed: that of the field, to the column; Alembic owns it."""

from datetime import datetime

from sqlalchemy import Boolean, DateTime, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

ID_CHARACTERS = 255
_NOW_UTC = text("(now() AT TIME ZONE 'utc'::text)")


class TelescopeDataRaw(Table):
    """One piece of an observation's data; the sink never touches it again."""

    __tablename__ = "telescope_data_raw"
    __table_args__ = (
        Index("idx_observation_id", "observation_id"),
        Index("idx_timestamp", "timestamp"),
    )

    data_id: Mapped[str] = mapped_column(String(ID_CHARACTERS), primary_key=True)
    observation_id: Mapped[str] = mapped_column(String(ID_CHARACTERS))
    sequence_number: Mapped[int] = mapped_column(Integer)
    timestamp: Mapped[int]
    data: Mapped[bytes | None]
    processed: Mapped[bool | None] = mapped_column(Boolean, server_default=text("false"))
    processing_pipeline_version: Mapped[str | None] = mapped_column(String(50))
    sink_timestamp: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=False), server_default=_NOW_UTC
    )
    created_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=False), server_default=_NOW_UTC
    )
