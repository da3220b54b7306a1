"""What our registry said of the telescopes' schemas; Alembic owns the table."""

from datetime import datetime

from sqlalchemy import Identity, Integer, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table


class TelescopeSchema(Table):
    """A schema under a subject, with the id that the registry gave it."""

    __tablename__ = "telescope_schemas"
    __table_args__ = (UniqueConstraint("subject", "fingerprint", "schema_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    subject: Mapped[str] = mapped_column(comment="its topic and -value")
    fingerprint: Mapped[str] = mapped_column(comment="SHA-256 of the schema without its texts")
    schema_id: Mapped[int] = mapped_column(Integer, comment="in the prefix of every message")
    version: Mapped[int] = mapped_column(Integer, comment="of the subject, from 1")
    definition: Mapped[str] = mapped_column(comment="the schema as it was registered, JSON")
    registered_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="when we knew of it first"
    )
