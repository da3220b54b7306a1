"""What workers write of users' filters; the filters themselves are Django's, in ``accounts``."""

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from broker.db import Table

PAUSES = ("limit", "error", "cost", "staff")
TRIAL_STATES = ("waiting", "running", "done", "failed")


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, words))})", name=column)


class FilterState(Table):
    """What became of one filter since it went live, and what it costs."""

    __tablename__ = "filter_states"
    __table_args__ = (UniqueConstraint("filter_id"), _one_of("pause_reason", PAUSES))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    filter_id: Mapped[int] = mapped_column(comment="user_filters.id")
    paused_at: Mapped[datetime | None] = mapped_column(
        comment="it rests, unless its owner started it again later"
    )
    pause_reason: Mapped[str | None]
    pause_text: Mapped[str | None] = mapped_column(comment="why, for its owner")
    told_at: Mapped[datetime | None] = mapped_column(comment="the owner was told of this pause")
    evaluated: Mapped[int] = mapped_column(server_default="0", comment="alerts that it looked at")
    spent_s: Mapped[float] = mapped_column(
        Double, server_default="0", comment="workers' time for these [s]"
    )
    last_match_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FilterNight(Table):
    """What one filter caught in one night."""

    __tablename__ = "filter_nights"
    __table_args__ = (UniqueConstraint("filter_id", "night"), Index(None, "night"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    filter_id: Mapped[int] = mapped_column(comment="user_filters.id")
    night: Mapped[date] = mapped_column(comment="of the alerts")
    matched: Mapped[int] = mapped_column(Integer, comment="alerts, those beyond the limit included")
    delivered: Mapped[int] = mapped_column(Integer, comment="of these, sent or to be sent")
    digest_at: Mapped[datetime | None] = mapped_column(comment="the owner was told of it")


class FilterDelivery(Table):
    """One alert for one filter's topic."""

    __tablename__ = "filter_deliveries"
    __table_args__ = (
        UniqueConstraint("alert_id", "filter_id", "version"),
        Index(None, "filter_id", "id"),
        Index(None, "night"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    filter_id: Mapped[int] = mapped_column(comment="user_filters.id")
    version: Mapped[int] = mapped_column(Integer, comment="user_filter_versions.number")
    alert_id: Mapped[int] = mapped_column(comment="alerts.id")
    survey: Mapped[str]
    candid: Mapped[int] = mapped_column(comment="of the alert: finds its partition")
    night: Mapped[date] = mapped_column(comment="of the alert")
    pending: Mapped[bool] = mapped_column(
        Boolean, server_default="true", comment="cleared when Kafka acknowledged"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]


class FilterTrial(Table):
    """An expression, or two side by side, tried on a past night."""

    __tablename__ = "filter_trials"
    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "owner", "created_at"),
        _one_of("state", TRIAL_STATES),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(comment="in its address: cannot be guessed")
    owner: Mapped[str] = mapped_column(comment="account that asked, babamul_users.id")
    filter_name: Mapped[str | None] = mapped_column(comment="of the filter it was begun from")
    survey: Mapped[str]
    night: Mapped[date]
    expression: Mapped[str]
    other: Mapped[str | None] = mapped_column(comment="to be compared with")
    state: Mapped[str] = mapped_column(server_default="waiting")
    lease_until: Mapped[datetime | None] = mapped_column(comment="a worker has it until then")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    total: Mapped[int | None] = mapped_column(Integer, comment="alerts to look at")
    done: Mapped[int] = mapped_column(Integer, server_default="0", comment="alerts looked at")
    night_total: Mapped[int | None] = mapped_column(
        Integer, comment="public alerts of the night; more than total: a sample was read"
    )
    matched: Mapped[int] = mapped_column(Integer, server_default="0")
    other_matched: Mapped[int] = mapped_column(Integer, server_default="0")
    both_matched: Mapped[int] = mapped_column(Integer, server_default="0")
    candids: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="of what matched either, int64, by time, the first of many"
    )
    sides: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="of each of these a byte: 1 expression, 2 other, 3 both"
    )
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    took_s: Mapped[float | None] = mapped_column(Double)
