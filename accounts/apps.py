"""The Django app of people; its tables are Django's."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from broker import filter_book, operator_mail


class AccountsConfig(AppConfig):
    """People and what they may read."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Bring the roles of staff up to date after each migration; lend mails and filters."""
        from accounts import filters, mail  # noqa: PLC0415 needs the app registry
        from accounts.roles import ensure_roles  # noqa: PLC0415 as above

        post_migrate.connect(ensure_roles, sender=self)
        operator_mail.provide(mail)
        filter_book.provide(filters)
