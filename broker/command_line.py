"""What ``manage.py`` runs: one command, with what an operator can mend said in one line."""

import os
import sys

import django
import django.db
import psycopg
import sqlalchemy.exc
from django.core.management import execute_from_command_line

from broker.config import ConfigError
from broker.memory import no_sweeps

DATABASE_ERRORS = (
    psycopg.OperationalError,
    sqlalchemy.exc.OperationalError,
    django.db.OperationalError,
)


def main() -> None:
    """Run one command; what an operator can mend is said in one line, without a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")  # noqa: TID251 Django's own
    try:
        with no_sweeps():
            django.setup()
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(str(error))
    except DATABASE_ERRORS as error:
        sys.exit(f"Postgres: {str(error).splitlines()[0]}\nIs it up? make up, or: make doctor")
