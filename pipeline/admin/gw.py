"""Pages of GW notices, their steps and what was sent; actions that ask for more."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from sqlalchemy.orm import Session

from broker.admin import MirrorAdmin
from broker.db import transaction
from pipeline.gw import models, orders, steps
from pipeline.gw.models import FOLLOW_UP


class FollowUpAdmin(MirrorAdmin):
    """Pages whose actions shifters may use."""

    def has_follow_up_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may ask for work on notices."""
        return bool(request.user.has_perm(f"pipeline.{FOLLOW_UP}"))

    def order(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        what: str,
        place: Callable[[Session], Sequence[steps.Bell]],
    ) -> None:
        """Note an order in the admin's history, place it, and say what follows from it.

        The history is written first: whoever dies between the two leaves a note of what was not
        done, never a deed that nobody did.
        """
        if request.user.pk is not None:
            LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, what)
        with transaction() as session:
            bells = place(session)
        steps.ring(bells)
        named = ", ".join(sorted({bell.step for bell in bells})) or "no step"
        self.message_user(request, f"{what} To be done: {named}.", messages.SUCCESS)


@admin.register(models.GwAlert)
class GwAlertAdmin(FollowUpAdmin):
    """Notices, the newest first."""

    list_display = (
        "pk",
        "triggerId",
        "reception_count",
        "alert_type",
        "state",
        "kind",
        "score",
        "action",
        "event_class",
        "area_90_deg2",
        "distance_mpc",
        "is_process_running",
        "received_at",
    )
    list_filter = ("kind", "state")
    actions = ("plan_again", "send_again", "mark_as_mock")

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the notices of an event, or one by its number."""
        return super().find(rows, term) if term.isdecimal() else rows.filter(triggerId=term)

    @admin.action(description="Plan again", permissions=["follow_up"])
    def plan_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Want new plans of each notice for which none are being made."""
        ids = list(rows.values_list("pk", flat=True))
        self.order(
            request,
            rows,
            "Planned again.",
            lambda session: [bell for at in ids for bell in orders.plan_again(session, at)],
        )

    @admin.action(description="Send again what was given up", permissions=["follow_up"])
    def send_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Try failed and skipped steps of each notice again."""
        ids = list(rows.values_list("pk", flat=True))
        self.order(
            request,
            rows,
            "Sent again.",
            lambda session: [bell for at in ids for bell in orders.send_again(session, at)],
        )

    @admin.action(description="Mark the event as mock", permissions=["follow_up"])
    def mark_as_mock(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Make each notice's event a mock; its plans end."""
        events = sorted(set(rows.values_list("triggerId", flat=True)))
        self.order(
            request,
            rows,
            "Marked as mock.",
            lambda session: [bell for at in events for bell in orders.mark_as_mock(session, at)],
        )


@admin.register(models.GwStep)
class GwStepAdmin(FollowUpAdmin):
    """What is done with notices and GRB packets, step by step."""

    list_display = (
        "pk",
        "id_gw",
        "id_grb",
        "step",
        "key",
        "state",
        "attempts",
        "last_error",
        "not_before",
        "ended_at",
    )
    list_filter = ("state",)
    list_select_related = ("id_gw", "id_grb")
    actions = ("retry",)

    @admin.action(description="Retry", permissions=["follow_up"])
    def retry(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Try steps again that have failed, were skipped or cancelled."""
        ids = list(rows.values_list("pk", flat=True))
        self.order(request, rows, "Retried.", lambda session: orders.retry_steps(session, ids))


@admin.register(models.Delivery)
class DeliveryAdmin(MirrorAdmin):
    """What went to Slack and OwnCloud."""

    list_display = ("pk", "id_gw", "channel", "kind", "key", "state", "ts", "path", "last_error")
    list_filter = ("state",)
    list_select_related = ("id_gw",)


@admin.register(models.GwPlan)
class GwPlanAdmin(MirrorAdmin):
    """Observation plans."""

    list_display = (
        "pk",
        "id_gw",
        "telescope",
        "strategy",
        "generation",
        "state",
        "reason",
        "tile_count",
        "probability",
        "duration_s",
    )
    list_filter = ("state", "strategy")
    list_select_related = ("id_gw",)


@admin.register(models.GwSkymap)
class GwSkymapAdmin(MirrorAdmin):
    """Sky maps; their files are left out of the pages."""

    list_display = ("pk", "row_count", "area_50_deg2", "area_90_deg2", "distance_mpc")
    exclude = ("fits",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the files where they are: a list of fifty would read 50 MB."""
        return super().get_queryset(request).defer("fits", "moc_50", "moc_90", "moc_95")


@admin.register(
    models.GwClaim,
    models.GwDecision,
    models.GwNoticeAttempt,
    models.GwPlanGroup,
    models.GwPlanTile,
    models.GwSlackAction,
    models.GwTelescopeOutage,
    models.GrbAlert,
    models.GcnNotice,
)
class PlainGwAdmin(MirrorAdmin):
    """Every column that is short, nothing more."""

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        """Return every column but whole messages."""
        long = {"payload", "xml_payload", "form", "measured", "warnings", "galaxies"}
        fields = self.model._meta.fields
        return [field.name for field in fields if field.name not in long]
