"""Every table has one owner, and every mirror shows all of its table."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from sqlalchemy.orm import Session

from broker.db import Table
from broker.migrate import django_tables
from broker.mirror import Mirror, MirrorError, all_of
from tests.database import run_command

MIRRORS = [
    model for model in apps.get_app_config("pipeline").get_models() if issubclass(model, Mirror)
]
REFUSED = {
    "save": lambda row: row.save(),
    "delete": lambda row: row.delete(),
    "create": lambda row: type(row).objects.create(),
    "update": lambda row: type(row).objects.update(id=1),
    "delete all": lambda row: all_of(type(row)).delete(),
    "bulk_create": lambda row: type(row).objects.bulk_create([row]),
    "bulk_update": lambda row: type(row).objects.bulk_update([row], ["id"]),
    "raw delete": lambda row: all_of(type(row))._raw_delete("default"),
}


@pytest.mark.integration
@pytest.mark.django_db
def test_every_table_has_exactly_one_owner():
    with connection.cursor() as cursor:
        found = set(connection.introspection.table_names(cursor))

    assert django_tables() & set(Table.metadata.tables) == set()
    assert django_tables() | set(Table.metadata.tables) == found - {"alembic_version"}


def test_every_stream_table_has_a_mirror():
    assert {model._meta.db_table for model in MIRRORS} == set(Table.metadata.tables)


@pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
def test_a_mirror_has_the_columns_of_its_table(model):
    columns = {field.column for field in model._meta.fields}

    assert columns == set(Table.metadata.tables[model._meta.db_table].columns.keys())


@pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
def test_a_mirror_explains_its_columns_as_the_table_does(model):
    comments = {c.name: c.comment or "" for c in Table.metadata.tables[model._meta.db_table].c}

    assert {field.column: field.help_text for field in model._meta.fields} == comments


@pytest.mark.integration
@pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
def test_a_mirror_reads_every_column(model, session: Session):
    assert list(all_of(model).values()) == []


@pytest.mark.parametrize("write", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
def test_a_mirror_refuses_to_write(model, write):
    with pytest.raises(MirrorError, match="belongs to the streams"):
        write(model(pk=1))


@pytest.mark.integration
def test_alembic_finds_nothing_to_migrate(database):
    done = run_command(database, "-m", "alembic", "check")

    assert (done.returncode, done.stdout) == (0, "No new upgrade operations detected.\n")


@pytest.mark.integration
@pytest.mark.django_db
def test_django_finds_nothing_to_migrate():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
