"""Django inside Celery tasks: set up once per process, and only in a process that needs it.

Modules of tasks are imported by every worker and by beat. Those that work on Django's tables import
what they need inside the task, within ``rows_of_django()``: the workers of alerts then never load
Django's apps.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.apps import apps
from django.db import close_old_connections


@contextmanager
def rows_of_django() -> Iterator[None]:
    """Let the block use Django's models; a connection that died since the last task is renewed."""
    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")  # noqa: TID251 Django's own
        django.setup()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
