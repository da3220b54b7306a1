"""What every management command of ours begins with."""

from django.core.management.base import BaseCommand


class ProjectCommand(BaseCommand):
    """A command that starts without Django's system checks.

    They load every page, which takes as long as all the rest of a start; they are for who changes
    the code: ``manage.py check``, and the tests.
    """

    requires_system_checks: tuple[str, ...] = ()
