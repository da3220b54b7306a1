"""Pages of GW notices, their steps and what was sent; actions that ask for more."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from sqlalchemy.orm import Session
from typing_extensions import override

from broker.admin import MirrorAdmin
from broker.db import transaction
from pipeline.gw import models, orders, outages, steps
from pipeline.gw.models import FOLLOW_UP
from pipeline.gw.telescopes import telescopes

_Value = TypeVar("_Value")


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


class OutageForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    """Which telescope cannot observe, why, and until when."""

    telescope = forms.ChoiceField(choices=lambda: [(t.name, t.name) for t in telescopes()])

    def clean_reason(self) -> str:
        """Return the reason as it is kept."""
        given: str = self.cleaned_data["reason"]
        return _checked(outages.checked_reason, given)

    def clean_until_at(self) -> datetime:
        """Return the end as it is kept."""
        given: datetime = self.cleaned_data["until_at"]
        return _checked(outages.checked_end, given)


@admin.register(models.GwTelescopeOutage)
class OutageAdmin(FollowUpAdmin):
    """Telescopes that cannot observe: marked here, and taken back before their time."""

    form = OutageForm
    list_display = (
        "pk",
        "telescope",
        "reason",
        "until_at",
        "reported_by",
        "created_at",
        "ended_at",
        "ended_by",
    )
    actions = ("take_back",)

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever follows up may mark a telescope out."""
        return self.has_follow_up_permission(request)

    @override
    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return what is asked for a new one, and every column of one that stands."""
        return super().get_fields(request, obj) if obj else ("telescope", "reason", "until_at")

    @override
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Mark the telescope out, as the page and Slack do."""
        by = request.user.get_username()
        with transaction() as session:
            obj.pk = outages.mark(session, obj.telescope, obj.reason, obj.until_at, by)

    @admin.action(description="Take back", permissions=["follow_up"])
    def take_back(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """End outages before their time."""
        ids, by = list(rows.values_list("pk", flat=True)), request.user.get_username()

        def place(session: Session) -> Sequence[steps.Bell]:
            for outage_id in ids:
                outages.end(session, outage_id, by)
            return ()

        self.order(request, rows, "Taken back.", place)


def _checked(check: Callable[[_Value], _Value], value: _Value) -> _Value:
    try:
        return check(value)
    except outages.OutageError as error:
        raise ValidationError(str(error)) from None


@admin.register(
    models.GwClaim,
    models.GwDecision,
    models.GwPlanGroup,
    models.GwPlanTile,
    models.GwSlackAction,
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
