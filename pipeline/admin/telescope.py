"""Pages of the telescope bus's tables, and the switch of each telescope."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from typing_extensions import override

from broker.access import COMMAND_TELESCOPES
from broker.admin import MirrorAdmin
from broker.mirror import all_of
from broker.reasons import LONGEST_REASON
from broker.shown import shown
from pipeline.admin.bookkeeping import PlainAdmin
from pipeline.telescope import board, ledger, models
from pipeline.telescope.record import Telescope, telescope, telescopes
from pipeline.telescope.stopping import complaint, stop_each

admin.site.register(models.TelescopeSchema, PlainAdmin)


def _shown(name: str) -> Callable[[Any], str]:
    """Return the column of a text that may have a megabyte."""

    @admin.display(description=name.replace("_", " "))
    def column(row: Any) -> str:
        return shown(getattr(row, name) or "") or "–"

    return column


class OperatorsAdmin(MirrorAdmin):
    """Rows that are shown to whoever may command telescopes, as the console's pages are."""

    @override
    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who may not command telescopes sees nothing of what they are told and tell."""
        return bool(request.user.has_perm(COMMAND_TELESCOPES))

    @override
    def has_module_permission(self, request: HttpRequest) -> bool:
        """Neither in the list of tables."""
        return self.has_view_permission(request)


class TurnForm(forms.Form):
    """Which telescope shall accept commands or not, and why."""

    telescope = forms.ChoiceField(choices=lambda: [(t.name, t.name) for t in telescopes()])
    accepts = forms.ChoiceField(choices=[("on", "accepts commands"), ("off", "stop")])
    why = forms.CharField(max_length=LONGEST_REASON, label="Why")


@admin.register(models.TelescopeSwitch)
class TelescopeSwitchAdmin(OperatorsAdmin):
    """One page with the switch of every telescope."""

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every telescope's switch; a POST turns one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._turn(request)
        rows = {row.telescope: row for row in all_of(models.TelescopeSwitch)}
        context = {
            **self.admin_site.each_context(request),
            "title": "Telescopes that accept commands",
            "opts": self.opts,
            "media": self.media,
            "switches": [
                (each, row := rows.get(each.name), board.accepts(row)) for each in telescopes()
            ],
            "longest_reason": LONGEST_REASON,
        }
        return TemplateResponse(request, "admin/pipeline/telescopeswitch/switches.html", context)

    def _turn(self, request: HttpRequest) -> HttpResponse:
        form = TurnForm(request.POST)
        if not form.is_valid():
            for field, errors in form.errors.get_json_data().items():
                told = " ".join(error["message"] for error in errors)
                self.message_user(request, f"{field}: {told}", messages.ERROR)
            return redirect(request.path)
        name, why = form.cleaned_data["telescope"], form.cleaned_data["why"]
        by = request.user.get_username()
        if form.cleaned_data["accepts"] == "on":
            ledger.resume(name, by, why)
            self.message_user(request, f"{name} accepts commands.", messages.SUCCESS)
        else:
            self._stop(request, telescope(name), by, why)
        return redirect(request.path)

    def _stop(self, request: HttpRequest, which: Telescope, by: str, why: str) -> None:
        done = stop_each([which], by, why)
        told = f"{which.name} accepts no commands; {len(done[0].acts)} commands were cancelled."
        is_bad = bool(done[0].failure)
        self.message_user(
            request, complaint(done) or told, messages.ERROR if is_bad else messages.SUCCESS
        )


@admin.register(models.TelescopeCommand)
class TelescopeCommandAdmin(OperatorsAdmin):
    """Commands: to whom, by whom, what became of them."""

    list_display = (
        *("command_id", "telescope", "command_type", "state", "timeout_stage", "created_at"),
        *("requested_by", "trigger_id"),
    )
    list_filter = ("telescope", "state", "timeout_stage", "origin", "command_type")

    @override
    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the commands of an id, an observation or an event."""
        return (
            rows.filter(pk=term) | rows.filter(observation_id=term) | rows.filter(trigger_id=term)
        )


@admin.register(models.TelescopeAcknowledgment)
class TelescopeAcknowledgmentAdmin(OperatorsAdmin):
    """Acknowledgments as they came, and what became of each."""

    list_display = (
        *("pk", "telescope", "command_id", "status", "disposition", "source_application"),
        *(_shown("error_code"), "received_at"),
    )
    list_filter = ("telescope", "status", "disposition")

    @override
    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the acknowledgments of a command."""
        return rows.filter(command_id=term)


@admin.register(models.TelescopeStatus)
class TelescopeStatusAdmin(OperatorsAdmin):
    """Status messages as they came."""

    list_display = (
        *("pk", "telescope", "source_application", "component", "level", "is_operational"),
        *(_shown("message"), "received_at"),
    )
    list_filter = ("telescope", "level", "is_operational")


@admin.register(models.TelescopeLatestStatus)
class TelescopeLatestStatusAdmin(OperatorsAdmin):
    """The newest status of each component."""

    list_display = (
        *("pk", "telescope", "application", "component", "level", "is_operational"),
        *(
            _shown("message"),
            "cpu_usage_percent",
            "memory_usage_percent",
            "disk_usage_percent",
            "received_at",
        ),
    )
    list_filter = ("telescope", "level", "is_operational")


@admin.register(models.TelescopeEvent)
class TelescopeEventAdmin(OperatorsAdmin):
    """What was done, by whom and why."""

    list_display = ("pk", "at", "telescope", "who", "what", "why", "command_id")
    list_filter = ("telescope", "at")

    @override
    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the events of a command."""
        return rows.filter(command_id=term)


@admin.register(models.TelescopeDataRaw)
class TelescopeDataRawAdmin(OperatorsAdmin):
    """Pieces of data without their bytes, which an observation's page gives."""

    list_display = (
        *("pk", "observation_id", "sequence_number", "processed", "processing_pipeline_version"),
        "sink_timestamp",
    )
    list_filter = ("processed",)
    exclude = ("data",)

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the bytes where they are: a piece has up to 8 MiB."""
        return super().get_queryset(request).defer("data")

    @override
    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the pieces of an observation."""
        return rows.filter(observation_id=term)
