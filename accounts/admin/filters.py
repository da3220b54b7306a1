"""Users' filters: whose they are, what their owners want; staff stop and delete with a reason."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from typing_extensions import override

from accounts import filters
from accounts.admin.acts import Act, ShownAdmin
from accounts.filter_models import UserFilter


@admin.register(UserFilter)
class UserFilterAdmin(ShownAdmin):
    """One filter; what it costs stands among the states of filters."""

    target = "filter"
    key = "int"
    list_display = (
        "name",
        "survey",
        "owner",
        "wish",
        "live_number",
        "topic_state",
        "is_public",
        "started_at",
        "created_at",
    )
    list_filter = ("wish", "topic_state", "survey", "is_public")
    search_fields = ("name", "description", "owner__email", "owner__username")
    ordering = ("-pk",)
    fields = (
        "id",
        "name",
        "survey",
        "owner",
        "description",
        "expressions",
        "is_public",
        "wish",
        "live_number",
        "started_at",
        "topic_state",
        "topic_error",
        "digest",
        "created_at",
        "changed_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            "stop",
            "Stop",
            "The filter catches nothing more; its topic and what it caught stay. Its owner may "
            "start it again.",
            "stopped.",
            filters.stop_by_staff,
            ("live",),
        ),
        Act(
            "delete",
            "Delete",
            "The filter, all its versions and its topic go; the name stays taken. This cannot be "
            "undone.",
            "is being deleted with its topic.",
            filters.delete_by_staff,
            ("draft", "live", "stopped"),
        ),
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[UserFilter]:
        """Read owners with their filters."""
        rows: QuerySet[UserFilter] = super().get_queryset(request)
        return rows.select_related("owner")

    @admin.display(description="versions")
    def expressions(self, row: Any) -> str:
        """Return every version's expression, the newest first."""
        found = row.versions.order_by("-number")
        return "\n".join(f"{one.number}: {one.expression}" for one in found)
