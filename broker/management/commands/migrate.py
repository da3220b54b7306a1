"""Bring both owners' tables up to date under one lock: Django's, then Alembic's."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate as django_migrate
from django.utils.module_loading import import_string

from broker import migrate


class Command(django_migrate.Command):
    """Django's ``migrate``, followed by Alembic's ``upgrade heads``.

    Naming an app means Django's tables alone; ``alembic`` by itself means the streams' alone.
    """

    help = "Bring the tables of people (Django) and of streams (Alembic) up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        dsn = migrate.conninfo(options["database"])
        with migrate.migration_lock(dsn, self.stderr.write):
            self._handle_locked(dsn, *args, **options)

    def _handle_locked(self, dsn: str, *args: Any, **options: Any) -> None:
        pending = [] if options["app_label"] else migrate.pending_streams(dsn)
        if pending and options["check_unapplied"]:
            self._list(pending)
            sys.exit(1)
        super().handle(*args, **options | {"skip_checks": True})  # as ProjectCommand
        if options["app_label"] or options["fake"]:
            return
        if options["plan"] or options["verbosity"] > 0:
            self._list(pending)
        if pending and not options["plan"]:
            migrate.upgrade_streams(dsn)
            for name in settings.AFTER_MIGRATION:
                import_string(name)(dsn)

    def _list(self, pending: list[str]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING("Tables of the streams (Alembic):"))
        for name in pending or ["  No migrations to apply."]:
            self.stdout.write(f"  {name.strip()}")
