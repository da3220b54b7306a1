"""The Django app of people; its tables are Django's."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and what they may read."""

    name = "accounts"
    verbose_name = "Accounts"
