"""Pages of users' filters: what each costs and why it rests, its nights, matches and trials."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from broker.admin import MirrorAdmin
from broker.db import transaction
from broker.filter_book import book
from pipeline.user_filters import pauses
from pipeline.user_filters.models import FilterDelivery, FilterNight, FilterState, FilterTrial


class _Named(MirrorAdmin):
    """Pages of rows that belong to a filter, found by its name, too."""

    @admin.display(description="filter")
    def filter_name(self, row: Any) -> str:
        """Return the filter's own name."""
        found = book().by_id([row.filter_id]).get(row.filter_id)
        return found.name if found else str(row.filter_id)


@admin.register(FilterState)
class FilterStateAdmin(_Named):
    """What each filter costs; staff may pause one, which its owner is told."""

    list_display = (
        "filter_name",
        "evaluated",
        "spent_ms_per_1000",
        "spent_s",
        "last_match_at",
        "paused_at",
        "pause_reason",
        "pause_text",
    )
    list_filter = ("pause_reason",)
    ordering = ("-spent_s",)
    actions = ("pause",)

    @admin.display(description="ms per 1,000 alerts")
    def spent_ms_per_1000(self, row: Any) -> str:
        """Return the workers' time for a thousand alerts."""
        return f"{1e6 * row.spent_s / row.evaluated:.2f}" if row.evaluated else "–"

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may pause filters."""
        return bool(request.user.has_perm("pipeline.operate_filterstate"))

    @admin.action(description="Pause: the owner is told by mail", permissions=["operate"])
    def pause(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Let filters rest until their owners start them again."""
        chosen = list(rows)
        why = "an operator paused it; ask before you start it again"
        with transaction() as session:
            pauses.pause(session, {row.filter_id: why for row in chosen}, pauses.STAFF)
            if request.user.pk is not None:
                LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, "Paused.")
        self.message_user(request, f"Paused: {len(chosen)}.", messages.SUCCESS)


@admin.register(FilterNight)
class FilterNightAdmin(_Named):
    """What each filter caught, by night."""

    list_display = ("filter_name", "night", "matched", "delivered", "digest_at")
    list_filter = ("night",)


@admin.register(FilterDelivery)
class FilterDeliveryAdmin(_Named):
    """Alerts that filters caught."""

    list_display = ("pk", "filter_name", "version", "candid", "night", "pending", "published_at")
    list_filter = ("pending",)


@admin.register(FilterTrial)
class FilterTrialAdmin(MirrorAdmin):
    """Trials; the expression is its owner's, for operators to see why one is slow."""

    list_display = ("pk", "survey", "night", "state", "done", "total", "matched", "took_s", "error")
    list_filter = ("state", "survey")
