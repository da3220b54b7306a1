"""What people pressed in Slack, and what they decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from broker.db import Table
from pipeline.gw.tables import CASCADE, OPEN_STEP_STATES, STEP_STATES
from pipeline.ledger import Ledgered

FOLLOW_UP, NO_FOLLOW_UP = DECISIONS = ("follow_up", "no_follow_up")


class GwSlackAction(Ledgered):
    """One signed request of Slack that asks for something: inserted in the request, done later."""

    __tablename__ = "gw_slack_actions"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint(f"state IN {STEP_STATES}", name="state"),
        Index(None, "ring_at", postgresql_where=text(f"state IN {OPEN_STEP_STATES}")),
        Index(None, "id_gw"),
    )

    key: Mapped[str] = mapped_column(
        comment="user, message, action and its time, or the view's id: the same request is one row"
    )
    id_gw: Mapped[int | None] = mapped_column(
        ForeignKey("gw_alerts.id_gw", ondelete=CASCADE), comment="gw_alerts.id_gw"
    )
    action_id: Mapped[str] = mapped_column(comment="of the button, or callback id of the view")
    action_ts: Mapped[str | None]
    value: Mapped[str | None] = mapped_column(comment="of the button")
    form: Mapped[dict[str, Any] | None] = mapped_column(comment="what was filled in, of a view")
    user_id: Mapped[str] = mapped_column(comment="Slack's")
    user_name: Mapped[str | None]
    role: Mapped[str | None] = mapped_column(comment="of the user when it was pressed")
    channel: Mapped[str | None] = mapped_column(comment="Slack channel id")
    message_ts: Mapped[str | None] = mapped_column(comment="of the message with the button")
    thread_ts: Mapped[str | None]


class GwDecision(Table):
    """What a shifter decided about an event, on the notice that was seen then."""

    __tablename__ = "gw_decisions"
    __table_args__ = (
        CheckConstraint(f"decision IN {DECISIONS}", name="decision"),
        Index(None, "triggerId", "created_at"),
        Index(None, "id_gw"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    id_gw: Mapped[int] = mapped_column(
        ForeignKey("gw_alerts.id_gw", ondelete=CASCADE), comment="gw_alerts.id_gw"
    )
    trigger_id: Mapped[str] = mapped_column("triggerId", comment="superevent")
    decision: Mapped[str]
    reason: Mapped[str | None]
    decided_by: Mapped[str] = mapped_column(comment="name, for people")
    slack_user: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def last_decision(session: Session, trigger_id: str) -> GwDecision | None:
    """Return what was decided last about an event."""
    return session.scalars(
        select(GwDecision)
        .where(GwDecision.trigger_id == trigger_id)
        .order_by(GwDecision.id.desc())
        .limit(1)
    ).first()
