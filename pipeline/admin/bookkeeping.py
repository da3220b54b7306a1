"""Pages of sources, partitions, ranges, archive segments, duplicates, gaps, unfinished messages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from broker.admin import MirrorAdmin
from pipeline import models


@admin.register(models.StreamPartition)
class StreamPartitionAdmin(MirrorAdmin):
    """How far each partition has been read."""

    list_display = (
        "pk",
        "topic",
        "partition",
        "committed_offset",
        "high_offset",
        "lag",
        "owner",
        "updated_at",
    )
    list_filter = ("stream",)

    @admin.display(description="lag")
    def lag(self, row: Any) -> int | str:
        """Return how many offsets wait."""
        is_known = None not in (row.high_offset, row.committed_offset)
        return row.high_offset - row.committed_offset if is_known else "–"


@admin.register(models.StreamRange)
class StreamRangeAdmin(MirrorAdmin):
    """Ranges of offsets in work or lately done."""

    list_display = (
        "pk",
        "topic",
        "partition",
        "offsets",
        "state",
        "attempts",
        "stored_count",
        "published_count",
        "dead_count",
        "error",
    )
    list_filter = ("stream", "state")

    @admin.display(description="offsets")
    def offsets(self, row: Any) -> str:
        """Return the first and the last offset."""
        return f"{row.first_offset} to {row.last_offset}"


@admin.register(models.ArchiveSegment)
class ArchiveSegmentAdmin(MirrorAdmin):
    """Files of raw packets."""

    list_display = ("pk", "survey", "night", "host", "path", "bytes", "closed_at")
    list_filter = ("survey",)


@admin.register(models.Source, models.StreamGap, models.AlertDuplicate, models.MessageAttempt)
class PlainAdmin(MirrorAdmin):
    """Every column, nothing more."""

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        """Return every column."""
        return [field.name for field in self.model._meta.fields]
