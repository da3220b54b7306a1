"""Pages of Kafka credentials and personal tokens."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from typing_extensions import override

from accounts import governing
from accounts.admin.acts import Act, ShownAdmin
from accounts.credentials import ALIVE, UNSETTLED
from accounts.models import AccessToken, KafkaCredential


@admin.register(KafkaCredential)
class CredentialAdmin(ShownAdmin):
    """One principal at Kafka, and how far it is what its row says."""

    target = "credential"
    list_display = ("principal", "user", "kind", "name", "state", "tries", "confirmed_at")
    list_filter = ("state", "kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("principal", "name", "user__email", "group_prefix")
    search_help_text = "user name, address, name, or how a consumer group begins"
    ordering = ("-created_at",)
    fields = (
        "id",
        "user",
        "kind",
        "name",
        "principal",
        "group_prefix",
        "rights",
        "state",
        "note",
        "generation",
        "tries",
        "last_error",
        "next_try_at",
        "lease_until",
        "secret_expires_at",
        "created_at",
        "confirmed_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            "suspend",
            "Suspend",
            "The credential may read nothing; running consumers stop within seconds. Its account "
            "and its other credentials go on. The password stays: Restore gives everything back, "
            "and so does restoring the account after it was suspended.",
            "is being suspended; it turns “suspended” once Kafka has confirmed.",
            governing.suspend_credential,
            ALIVE,
        ),
        Act(
            "restore",
            "Restore",
            "The credential reads again with the password that it had.",
            "is being restored; it turns “active” once Kafka has confirmed.",
            governing.restore_credential,
            ("suspending", "suspended"),
        ),
        Act(
            "grant",
            "Grant again now",
            "Kafka is told the rights again, and a password that it has not confirmed yet, without "
            "waiting for the next try. A password that works stays.",
            "is being granted again; it turns “active” once Kafka has confirmed.",
            governing.grant_again,
            ("wanted", "granting", "active"),
        ),
        Act(
            "rotate",
            "Rotate",
            "The password is withdrawn: running consumers stop within seconds. A person is mailed "
            "to draw another one, which nobody else ever sees. A service has no owner and nobody "
            "is mailed: run the command that made it (reader_credential, service_credential) once "
            "more for a new password.",
            "withdrawn; once Kafka has confirmed, a person is asked to rotate, and a service waits "
            "for the command that made it.",
            governing.rotate,
            ALIVE,
        ),
        Act(
            "revoke",
            "Delete",
            "The credential is gone for good; running consumers stop within seconds.",
            "is being deleted.",
            governing.revoke,
            (*ALIVE, "suspending", "suspended"),
        ),
    )

    @override
    def more(self, _: HttpRequest, row: KafkaCredential) -> dict[str, Any]:
        """Look again while Kafka has not confirmed."""
        return {"is_unsettled": row.state in UNSETTLED or row.confirmed_at is None}


@admin.register(AccessToken)
class TokenAdmin(ShownAdmin):
    """One personal access token; the token itself is nowhere."""

    target = "token"
    list_display = ("name", "user", "last_characters", "created_at", "expires_at", "last_used_at")
    list_filter = ("expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__email", "=last_characters")
    ordering = ("-created_at",)
    fields = (
        "id",
        "user",
        "name",
        "last_characters",
        "created_at",
        "expires_at",
        "last_used_at",
    )
    readonly_fields = fields
    acts = (
        Act(
            "delete",
            "Delete",
            "The token opens nothing from now on.",
            "deleted.",
            governing.delete_token,
        ),
    )
