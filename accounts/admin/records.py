"""Pages of what happened: mails and the audit trail."""

from email import message_from_bytes
from email.policy import default
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from typing_extensions import override

from accounts import mail
from accounts.admin.acts import ShownAdmin
from accounts.models import AuditEntry, OutboxMail
from broker.access import has_role
from broker.config import config


@admin.register(OutboxMail)
class MailAdmin(ShownAdmin):
    """One mail, without its text; that of one that was only written into a folder: to admins."""

    list_display = ("pk", "to", "subject", "state", "tries", "created_at", "sent_at")
    list_filter = ("state", "created_at")
    search_fields = ("to", "subject")
    ordering = ("-pk",)
    fields = (
        "to",
        "subject",
        "state",
        "tries",
        "next_try_at",
        "last_error",
        "created_at",
        "expires_at",
        "sent_at",
    )
    readonly_fields = fields

    @override
    def more(self, request: HttpRequest, row: OutboxMail) -> dict[str, Any]:
        """Show each try, and the text of a mail that no server took, because there is none.

        Its code opens the account, so it is for those alone who may do anything to one.
        """
        is_shown = not config().mail.host and has_role(request.user, ("admin",))
        return {"attempts": row.attempts, "spooled": spooled(row) if is_shown else ""}


def spooled(row: OutboxMail) -> str:
    """Return the text of a mail that was written into the folder; empty if it is gone."""
    file = mail.spool_folder() / f"{row.pk}.{int(row.created_at.timestamp())}.eml"
    try:
        message = message_from_bytes(file.read_bytes(), policy=default)
    except OSError:
        return ""
    body = message.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


@admin.register(AuditEntry)
class AuditAdmin(ShownAdmin):
    """One act of somebody."""

    list_display = ("at", "actor", "action", "target", "why")
    list_filter = ("action", "at")
    search_fields = ("actor", "target", "why", "action")
    ordering = ("-pk",)
    fields = ("at", "actor", "action", "target", "why")
    readonly_fields = fields
