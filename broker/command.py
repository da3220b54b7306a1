"""What every management command of ours begins with."""

from argparse import ArgumentTypeError
from datetime import date

from django.core.management.base import BaseCommand


class ProjectCommand(BaseCommand):
    """A command that starts without Django's system checks.

    They load every page, which takes as long as all the rest of a start; they are for who changes
    the code: ``manage.py check``, and the tests.
    """

    requires_system_checks: tuple[str, ...] = ()


def day(text: str) -> date:
    """Return the date that an option names, YYYY-MM-DD; argparse tells whoever wrote another."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date of the form YYYY-MM-DD") from None
