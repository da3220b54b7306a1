"""The consumer groups of whoever leaves go first; only then the person is forgotten."""

import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import deletion, people
from accounts.models import BabamulUser, KafkaCredential
from broker.errors import TransientError

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def leaving(person):
    """Return an account that is being deleted, its credentials revoked just now."""
    row = person["row"]
    people.delete(row, "account:herself")
    KafkaCredential.objects.update(state="revoked", confirmed_at=Now())
    return row


@pytest.fixture
def kafka(monkeypatch):
    """Stand for Kafka: the names of its groups, of which ``busy`` have members."""

    class Groups:
        names: tuple[str, ...] = ()
        busy: tuple[str, ...] = ()

        def delete(self, wanted):
            gone = [name for name in wanted if name not in self.busy]
            self.names = tuple(name for name in self.names if name not in gone)
            return gone

    groups = Groups()
    monkeypatch.setattr(deletion, "group_names", lambda _: list(groups.names))
    monkeypatch.setattr(deletion, "delete_groups", groups.delete)
    return groups


def own_groups(row):
    """Return a group of the account's address and one of its named credential."""
    named = row.credentials.get(kind="named").principal
    return f"babamul-{row.pk.hex[:8]}-laptop", f"{named}-laptop"


def state_of(row):
    return BabamulUser.objects.get(pk=row.pk).state


def test_groups_of_the_address_and_of_named_credentials_go_and_no_others(leaving, kafka):
    twin = f"babamul-{leaving.pk.hex[:8]}{str(uuid.uuid4())[8:]}-laptop"
    others = ("babamul-myapp", twin, f"babamul-{uuid.uuid4()}-laptop")
    kafka.names = (*others, *own_groups(leaving))

    assert deletion.finish(leaving.pk)
    assert kafka.names == others
    assert state_of(leaving) == "deleted"


def test_nobody_is_forgotten_while_a_group_has_members(leaving, kafka):
    kafka.names = kafka.busy = own_groups(leaving)[:1]
    assert not deletion.finish(leaving.pk)
    assert state_of(leaving) == "deleting"

    kafka.busy = ()
    deletion.finish_all()
    assert state_of(leaving) == "deleted"


def test_a_group_that_others_keep_alive_is_not_waited_for_for_ever(leaving, kafka):
    kafka.names = kafka.busy = own_groups(leaving)[:1]
    KafkaCredential.objects.update(confirmed_at=Now() - timedelta(hours=2))

    assert deletion.finish(leaving.pk)


def test_nobody_is_forgotten_while_kafka_does_not_answer(leaving, monkeypatch):
    def away(_):
        raise TransientError("away")

    monkeypatch.setattr(deletion, "group_names", away)

    assert not deletion.finish(leaving.pk)
    assert state_of(leaving) == "deleting"
