"""Rights that are given back: nothing is called ready before Kafka lists them."""

import pytest
from django.db import transaction

from accounts import credentials, settlement
from broker import kafka_admin

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def listed(monkeypatch):
    """Stand for Kafka: return what it lists, which nothing changes but the test."""
    rights = {}
    monkeypatch.setattr(kafka_admin, "has_secret", lambda _: True)
    monkeypatch.setattr(kafka_admin, "grant_rights", lambda *_: [])
    monkeypatch.setattr(kafka_admin, "listed_rights", lambda _: rights)
    return rights


@pytest.fixture
def row(person):
    """Return an active credential whose rights were asked for again."""
    found = person["row"].credentials.get(kind="named")
    type(found).objects.filter(pk=found.pk).update(state="active", secret_encrypted=None)
    with transaction.atomic():
        return credentials.grant_again(found)


def settle(row):
    type(row).objects.filter(pk=row.pk).update(next_try_at=None)
    settlement.settle(str(row.pk), row.generation)
    row.refresh_from_db()


def test_it_is_active_only_once_kafka_lists_its_rights(row, listed):
    settle(row)
    assert (row.state, row.last_error) == ("wanted", "its rights are not listed yet")

    wanted = kafka_admin.told(kafka_admin.reader_rights(row.principal, row.group_prefix))
    listed[row.principal] = wanted[1:]
    settle(row)
    assert row.state == "wanted"

    listed[row.principal] = wanted
    settle(row)
    assert (row.state, row.last_error) == ("active", "")


def test_its_note_says_that_nobody_tried_its_password(row, listed):
    listed[row.principal] = kafka_admin.told(
        kafka_admin.reader_rights(row.principal, row.group_prefix)
    )

    settle(row)

    assert "was not tried" in row.note
