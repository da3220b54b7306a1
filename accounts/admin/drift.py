"""What Postgres says and what Kafka says, where they differ; and Repair."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from typing_extensions import override

from accounts import audit, safe_mode
from accounts.admin.acts import ShownAdmin
from accounts.models import DriftReport
from broker.admin import ReasonForm
from broker.celery import enqueue


@admin.register(DriftReport)
class DriftAdmin(ShownAdmin):
    """One comparison of credentials with Kafka's own listings."""

    list_display = ("at", "differences", "error")
    list_filter = ("at",)
    ordering = ("-at",)
    fields = ("at", "error")
    readonly_fields = fields
    change_list_template = "admin/accounts/drift.html"

    @admin.display(description="differences")
    def differences(self, row: DriftReport) -> int:
        """Return how many principals differed."""
        return len(row.lines)

    @override
    def get_urls(self) -> list[URLPattern]:
        """Add Repair, and the end of safe mode."""
        page = self.admin_site.admin_view(self.repair)
        end = self.admin_site.admin_view(self.end_safe_mode)
        return [
            path("repair/", page, name="accounts_driftreport_repair"),
            path("end-safe-mode/", end, name="accounts_driftreport_end_safe_mode"),
            *super().get_urls(),
        ]

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the last comparison above all others."""
        latest = DriftReport.objects.order_by("-at").first()
        context = {
            "title": "Drift",
            "latest": latest,
            "safe_mode": safe_mode.current(),
            "may_repair": self.may_act(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @override
    def more(self, _: HttpRequest, row: DriftReport) -> dict[str, Any]:
        """Show what differed."""
        return {"lines": row.lines}

    def repair(self, request: HttpRequest) -> HttpResponse:
        """Ask the worker to compare and repair now."""
        if request.method != "POST" or not self.may_act(request):
            raise PermissionDenied
        audit.record(f"staff:{request.user.get_username()}", "repair", "credentials")
        enqueue("accounts.reconcile", "accounts")
        messages.success(request, "Being compared and repaired; load this page again in a moment.")
        return redirect("admin:accounts_driftreport_changelist")

    def end_safe_mode(self, request: HttpRequest) -> HttpResponse:
        """End safe mode: what is proposed is done."""
        form = ReasonForm(request.POST)
        if request.method != "POST" or not self.may_act(request):
            raise PermissionDenied
        if not form.is_valid():
            messages.error(request, "Say why: it is kept in the audit trail with your name.")
        else:
            try:
                safe_mode.end(f"staff:{request.user.get_username()}", form.cleaned_data["why"])
                messages.success(request, "Safe mode has ended; what was proposed is being done.")
            except safe_mode.SafeModeError as error:
                messages.error(request, f"{str(error).capitalize()}.")
        return redirect("admin:accounts_driftreport_changelist")
