"""The page of streams that were stopped, and the way to let them run again."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from broker.admin import MirrorAdmin
from broker.db import transaction
from broker.ranges import stops
from pipeline import models


@admin.register(models.Stream)
class StreamAdmin(MirrorAdmin):
    """One stream that the breaker or an operator stopped at least once."""

    list_display = ("name", "is_running", "stopped_at", "stopped_by", "reason")
    actions = ("resume",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may let streams run again."""
        return bool(request.user.has_perm("pipeline.operate_stream"))

    @admin.display(description="runs", boolean=True)
    def is_running(self, stream: Any) -> bool:
        """Return whether its listeners cut ranges."""
        return stream.stopped_at is None

    @admin.action(description="Resume: let the stream run again", permissions=["operate"])
    def resume(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Start the streams that stand; what waits in Kafka is worked next."""
        standing = list(rows.filter(stopped_at__isnull=False))
        with transaction() as session:
            resumed = [row for row in standing if stops.resume(session, row.name)]
            if resumed and request.user.pk is not None:
                chosen = rows.filter(pk__in=[row.pk for row in resumed])
                LogEntry.objects.log_actions(request.user.pk, chosen, CHANGE, "Resumed.")
        for row in resumed:
            text = f"Stream {row.name} runs again; it stood because: {row.reason}"
            self.message_user(request, text, messages.SUCCESS)
        if not resumed:
            self.message_user(request, "None of them stands.", messages.INFO)
