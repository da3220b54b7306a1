"""The fixture ``session``: Django and SQLAlchemy in one transaction that leaves nothing behind."""

import pytest
from django.contrib.auth.models import User
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from broker.db import copy_rows, cursor, transaction
from broker.mirror import all_of
from broker.ranges.tables import Stream
from pipeline import models

pytestmark = pytest.mark.integration


def names():
    return sorted(all_of(models.Stream).values_list("name", flat=True))


def add_streams(*added):
    with transaction() as inner:
        for name in added:
            inner.add(Stream(name=name))
            inner.flush()


def test_each_side_sees_the_others_rows(session):
    User.objects.create(username="somebody")
    add_streams("ztf")

    assert names() == ["ztf"]
    assert session.scalar(text("SELECT username FROM auth_user")) == "somebody"


def test_nothing_is_left_for_the_next_test(session):
    assert names() == []
    assert not User.objects.exists()


def test_a_failed_transaction_undoes_only_itself(session):
    add_streams("ztf")

    with pytest.raises(IntegrityError):
        add_streams("lsst", "ztf")

    assert names() == ["ztf"]


def test_rows_can_be_copied_on_the_borrowed_connection(session):
    with transaction() as inner:
        copy_rows(cursor(inner), "streams", ["name"], ["text"], [["ztf"], ["lsst"]])

    assert names() == ["lsst", "ztf"]


def test_json_is_read_as_json_and_not_as_text(session):
    assert session.scalar(text("""SELECT '{"a": 1}'::jsonb""")) == {"a": 1}
