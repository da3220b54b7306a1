"""Filters of the list of alerts whose choices cost next to nothing to list."""

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from broker.mirror import all_of
from pipeline import models
from pipeline.admin.cells import SURVEYS
from pipeline.alerts.gate import GATES

SHOWN_NIGHTS = 14
NOON_UTC_OF_DAY_0_JD = 1_721_425
"""Julian date, at noon UTC, of the day whose ordinal would be 0."""


def nights_up_to(newest: date | None) -> list[tuple[str, str]]:
    """Return the last nights, newest first, as a filter lists them; none where there is none."""
    nights = [newest - timedelta(days=ago) for ago in range(SHOWN_NIGHTS)] if newest else []
    return [(night.isoformat(), night.isoformat()) for night in nights]


class NightFilter(admin.SimpleListFilter):
    """The nights up to the newest alert's."""

    title = "night"
    parameter_name = "night"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        """Return the last nights, newest first."""
        newest = all_of(models.Alert).order_by("-pk").values_list("night", flat=True).first()
        return nights_up_to(newest)

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one night; its bounds in time let the index of survey and time be used."""
        if not self.value():
            return rows
        night = date.fromisoformat(self.value() or "")
        noon_jd_utc = night.toordinal() + NOON_UTC_OF_DAY_0_JD
        return rows.filter(
            night=night, survey__in=SURVEYS, jd_utc__range=(noon_jd_utc, noon_jd_utc + 2)
        )


class OutcomeFilter(admin.SimpleListFilter):
    """Published, waiting, or stopped by one of the gates."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        """Return published, waiting, and every gate's name."""
        gates = dict.fromkeys(gate.name for survey in SURVEYS for gate in GATES[survey])
        stopped = [(name, f"stopped: {name.replace('_', ' ')}") for name in gates]
        return [
            ("published", "published"),
            ("waiting", "waiting"),
            ("withheld", "not sent"),
            *stopped,
        ]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep one outcome."""
        match self.value():
            case None:
                return rows
            case "published":
                return rows.filter(published_at__isnull=False, gate_reason__isnull=True)
            case "waiting":
                return rows.exclude(pending=0)
            case "withheld":
                return rows.filter(pending=0, published_at__isnull=True, gate_reason__isnull=True)
            case gate:
                return rows.filter(gate_reason=gate)
