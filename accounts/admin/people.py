"""Pages of accounts: who they are, what they have, and what staff may do to them."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from typing_extensions import override

from accounts import governing
from accounts.admin.acts import Act, ShownAdmin
from accounts.credentials import UNSETTLED
from accounts.models import BabamulUser


@admin.register(BabamulUser)
class AccountAdmin(ShownAdmin):
    """One astronomer's account."""

    target = "account"
    list_display = ("email", "username", "state", "credentials", "created_at", "last_seen_at")
    list_filter = ("state", "created_at", "last_seen_at")
    search_fields = ("email", "username", "=id", "=credentials__principal")
    search_help_text = "address, name, id, a credential's user name, or a consumer group of it"
    ordering = ("-created_at",)
    fields = (
        "id",
        "email",
        "username",
        "state",
        "generation",
        "created_at",
        "activated_at",
        "password_changed_at",
        "last_seen_at",
        "deleted_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            "suspend",
            "Suspend",
            "Browser sessions, API logins and tokens are refused at once, and the Kafka "
            "credentials may read nothing; running consumers stop within seconds. Passwords stay: "
            "Restore gives everything back.",
            "suspended; each credential turns “suspended” once Kafka has confirmed it.",
            governing.suspend,
            ("active",),
        ),
        Act(
            "restore",
            "Restore",
            "The account opens again, and its Kafka credentials read again with the passwords "
            "that they had.",
            "restored; each credential turns “active” once Kafka has confirmed it.",
            governing.restore,
            ("suspended",),
        ),
        Act(
            "resend",
            "Resend activation",
            "A new activation code is mailed; the one before is void.",
            "an activation code is on its way.",
            governing.resend_activation,
            ("inactive",),
        ),
        Act(
            "credential",
            "Give a Kafka credential",
            "A named credential is made without a password: the owner is mailed to rotate it, and "
            "alone sees what comes of it.",
            "a credential waits for its owner to draw a password.",
            governing.give_credential,
            ("active",),
        ),
        Act(
            "delete",
            "Delete",
            "Every login, token and credential ends at once. When Kafka has confirmed, the address "
            "is forgotten. This cannot be undone.",
            "is being deleted; the address is forgotten once Kafka has confirmed.",
            governing.delete,
            ("inactive", "active", "suspended"),
        ),
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[BabamulUser]:
        """Count the credentials of each account."""
        alive = Count("credentials", filter=~Q(credentials__state="revoked"), distinct=True)
        rows: QuerySet[BabamulUser] = super().get_queryset(request)
        return rows.annotate(alive=alive)

    @admin.display(description="credentials", ordering="alive")
    def credentials(self, row: Any) -> int:
        """Return how many credentials the account has."""
        return int(row.alive)

    @override
    def more(self, _: HttpRequest, row: BabamulUser) -> dict[str, Any]:
        """Show what the account has; the page looks again while Kafka has not confirmed."""
        rows = list(row.credentials.order_by("kind", "created_at", "pk"))
        return {
            "credentials": rows,
            "tokens": row.tokens.order_by("created_at", "pk"),
            "sessions": row.sessions.order_by("-last_seen_at"),
            "is_unsettled": row.state == "deleting"
            or any(each.state in UNSETTLED for each in rows),
        }
