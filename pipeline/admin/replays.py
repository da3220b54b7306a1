"""Pages of replays and of how far each of their partitions has come."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from broker.admin import MirrorAdmin, list_link
from pipeline import models


@admin.register(models.Replay)
class ReplayAdmin(MirrorAdmin):
    """Past nights, or single packets, that are worked once more."""

    list_display = (
        "pk",
        "stream",
        "nights",
        "state",
        "publish",
        "offset_count",
        "read_count",
        "stored_count",
        "published_count",
        "dead_count",
        "missing_count",
        "requested_by",
        "error",
        "places",
    )
    list_filter = ("stream", "state", "publish")

    @admin.display(description="nights")
    def nights(self, row: Any) -> str:
        """Return the nights of the Kafka timestamps, or that single packets were asked for."""
        return "single packets" if row.from_night is None else f"{row.from_night} to {row.to_night}"

    @admin.display(description="partitions")
    def places(self, row: Any) -> SafeString:
        """Return a link to the replay's partitions."""
        return list_link(models.ReplayPlace, "partitions", replay_id__exact=row.pk)


@admin.register(models.ReplayPlace)
class ReplayPlaceAdmin(MirrorAdmin):
    """Offsets of one partition that belong to a replay."""

    list_display = (
        "pk",
        "replay_id",
        "topic",
        "partition",
        "offsets",
        "cursor_offset",
        "read_from",
    )
    list_filter = ("read_from",)

    @admin.display(description="offsets")
    def offsets(self, row: Any) -> str:
        """Return the first and the last offset."""
        return f"{row.first_offset} to {row.last_offset}"
