import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps
from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, Numeric, Text
from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects.postgresql import JSONB

from broker.mirror import MirrorError, mirror, plural


class Thing:
    """A thing."""

    __tablename__ = "things"
    __table__ = SqlTable(
        "things",
        MetaData(),
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("owner_id", BigInteger, nullable=True, comment="things.id"),
        Column("colour", Text, nullable=False, comment="red | blue"),
        Column("seen_at", DateTime(timezone=True), nullable=False),
        Column("facts", JSONB, nullable=False),
    )


class Priced:
    """A table with a type that no other has."""

    __tablename__ = "priced"
    __table__ = SqlTable("priced", MetaData(), Column("price", Numeric, primary_key=True))


@pytest.fixture
def thing():
    with isolate_apps("pipeline"):
        yield mirror(
            Thing,
            "Thing",
            "pipeline.models",
            verbose_name="thing",
            links={"owner_id": "Thing"},
            choices={"colour": [("red", "red"), ("blue", "blue")]},
        )


def test_each_column_becomes_the_field_of_its_type(thing):
    assert {field.column: type(field) for field in thing._meta.fields} == {
        "id": models.BigIntegerField,
        "owner_id": models.ForeignKey,
        "colour": models.TextField,
        "seen_at": models.DateTimeField,
        "facts": models.JSONField,
    }


def test_key_null_comment_and_choices_are_the_columns(thing):
    assert thing._meta.pk.column == "id"
    assert thing._meta.get_field("owner").null
    assert not thing._meta.get_field("colour").null
    assert thing._meta.get_field("colour").help_text == "red | blue"
    assert dict(thing._meta.get_field("colour").choices) == {"red": "red", "blue": "blue"}


def test_django_neither_makes_the_table_nor_hands_out_rights_to_write(thing):
    assert not thing._meta.managed
    assert thing._meta.default_permissions == ("view",)


def test_a_link_keeps_the_columns_own_name(thing):
    assert thing(owner_id=7).owner_id == 7


def test_every_manager_refuses(thing):
    with pytest.raises(MirrorError):
        thing._base_manager.update(colour="blue")


def test_a_type_without_a_field_is_named():
    with isolate_apps("pipeline"), pytest.raises(MirrorError, match=r"price.*NUMERIC|Numeric"):
        mirror(Priced, "Priced", "pipeline.models", verbose_name="priced")


def test_an_isolated_mirror_leaves_no_trace(thing):
    assert thing not in apps.get_app_config("pipeline").get_models()


def test_a_row_is_called_by_the_column_that_names_it():
    with isolate_apps("pipeline"):
        named = mirror(Thing, "Thing", "pipeline.models", verbose_name="thing", title="colour")

        assert str(named(id=3, colour="red")) == "thing red"


def test_a_row_without_a_name_is_called_by_its_key(thing):
    assert str(thing(id=3)) == "thing 3"


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("range", "ranges"),
        ("kill switch", "kill switches"),
        ("bus", "buses"),
        ("delivery", "deliveries"),
        ("replay", "replays"),
        ("notice in reading", "notices in reading"),
        ("alert of Lasair", "alerts of Lasair"),
        ("run of selected alerts", "runs of selected alerts"),
        ("object on S3", "objects on S3"),
        ("request for images", "requests for images"),
        ("command to a telescope", "commands to a telescope"),
        ("event at a telescope", "events at a telescope"),
    ],
)
def test_several_of_a_thing_have_a_name(one, several):
    assert plural(one) == several
