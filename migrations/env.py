"""What every ``alembic`` command runs: under the lock of all migrations, on the streams' tables.

Tables of Django are never seen, nor the schema ``catalogs``, whose tables ``load_catalog`` makes.
"""

import logging
import os
from contextlib import nullcontext

import django
from alembic import context
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")
if not apps.ready:
    django.setup()

import broker.archive
import broker.dead_letters
import broker.ranges.replay_tables
import broker.ranges.switch_tables
import broker.ranges.tables
import pipeline.alerts.tables
import pipeline.gw.action_tables
import pipeline.gw.grb_tables
import pipeline.gw.plan_tables
import pipeline.gw.tables
import pipeline.lasair.tables
import pipeline.s3.tables
import pipeline.selected.tables
import pipeline.telescope.schema_table
import pipeline.telescope.tables
import pipeline.user_filters.tables  # noqa: F401
from broker.db import Table
from broker.migrate import conninfo, django_tables, migration_engine, migration_lock

# A command of Alembic names what it runs; ``manage.py migrate`` has done so itself.
is_manage = context.config.attributes.get("lock_is_held", False)
logging.getLogger("alembic.runtime.migration").setLevel(
    logging.WARNING if is_manage else logging.INFO
)

OPTIONS = {
    "target_metadata": Table.metadata,
    "transaction_per_migration": True,
    "compare_server_default": True,
}


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether Alembic may look at a thing of the database."""
    return kind != "table" or name not in django_tables()


def migrate_online() -> None:
    """Run migrations on the database."""
    dsn = context.config.attributes.get("dsn") or conninfo()
    is_held = context.config.attributes.get("lock_is_held", False)
    lock = nullcontext() if is_held else migration_lock(dsn, print)
    with lock, migration_engine(dsn).connect() as connection:
        context.configure(connection=connection, include_name=is_ours, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()


def print_sql() -> None:
    """Write the SQL instead of running it (``alembic upgrade head --sql``)."""
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_sql()
else:
    migrate_online()
