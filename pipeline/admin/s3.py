"""Pages of the copies on S3: what became of each object, and when each host looked for more."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from broker.admin import MirrorAdmin
from pipeline.s3 import models


@admin.register(models.S3Upload)
class S3UploadAdmin(MirrorAdmin):
    """Objects of a bucket, the newest first."""

    list_display = (
        "pk",
        "key",
        "state",
        "length",
        "is_snapshot",
        "attempts",
        "not_before",
        "ended_at",
        "last_error",
    )
    list_filter = ("state", "is_snapshot")

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return one object by its number, or those whose key begins so."""
        return super().find(rows, term) if term.isdecimal() else rows.filter(key__startswith=term)


@admin.register(models.S3Sync)
class S3SyncAdmin(MirrorAdmin):
    """Looks for files that S3 does not have."""

    list_display = (
        "pk",
        "host",
        "bucket",
        "reason",
        "started_at",
        "wanted_count",
        "again_count",
        "lost_count",
        "error",
    )
    list_filter = ("reason",)
