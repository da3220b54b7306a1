"""Pages of packets that could not become an alert."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker.admin import MirrorAdmin
from pipeline import models
from pipeline.admin import cells


@admin.register(models.DeadLetter)
class DeadLetterAdmin(MirrorAdmin):
    """One packet that could not become an alert."""

    list_display = ("pk", "stream", "reason", "state", "coordinates", "kafka_timestamp", "message")
    list_filter = ("stream", "reason", "state")
    search_help_text = "an offset, or words of the message"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "stream",
                    "reason",
                    "state",
                    "message",
                    "attempts",
                    "resolved_by",
                    "first_seen_at",
                    "updated_at",
                )
            },
        ),
        (
            "Where it came from",
            {"fields": ("coordinates", "kafka_timestamp", "night", "archive", "digest")},
        ),
        ("Traceback", {"fields": ("trace",)}),
    )

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the letters at this offset, or with these words in the message."""
        if term.isdecimal():
            offset = int(term)
            return rows.filter(source_offset__lte=offset, last_offset__gte=offset)
        return rows.filter(message__icontains=term)

    @admin.display(description="topic, partition, offset")
    def coordinates(self, letter: Any) -> str:
        """Return where the packet, or the interval of offsets, stood in Kafka."""
        is_interval = letter.last_offset > letter.source_offset
        end = f" to {letter.last_offset}" if is_interval else ""
        return f"{letter.topic} / {letter.source_partition} / {letter.source_offset}{end}"

    @admin.display(description="archive")
    def archive(self, row: Any) -> str:
        """Return where the packet lies on disk."""
        return cells.archive_position(row)

    @admin.display(description="sha256")
    def digest(self, letter: Any) -> str:
        """Return the packet's checksum."""
        return "–" if letter.sha256 is None else bytes(letter.sha256).hex()

    @admin.display(description="traceback")
    def trace(self, letter: Any) -> SafeString | str:
        """Return the traceback in lines."""
        return format_html("<pre>{}</pre>", letter.traceback) if letter.traceback else "–"
