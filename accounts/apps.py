"""The Django app of people; its tables are Django's."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """People and what they may read."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Bring the roles of staff up to date after each migration."""
        from accounts.roles import ensure_roles  # noqa: PLC0415 needs the app registry

        post_migrate.connect(ensure_roles, sender=self)
