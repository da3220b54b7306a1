"""A row that changes while Kafka is listed is not judged by what Kafka said before."""

from datetime import timedelta

import pytest

from accounts import reconcile
from accounts.models import BabamulUser, KafkaCredential

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PRINCIPAL = "babamul-00000000-0000-4000-8000-000000000001"


@pytest.fixture
def row(db):
    """A credential that is active, though Kafka lists no password of it."""
    user = BabamulUser.objects.create(email="v@example.org", username="v", state="active")
    return KafkaCredential.objects.create(
        user=user, kind="named", name="x", group_prefix=PRINCIPAL, principal=PRINCIPAL,
        state="active",
    )  # fmt: skip


@pytest.fixture
def confirmed(row, monkeypatch):
    """Return a function: Kafka confirms the row so long after the listing began, while it goes on."""

    def confirm(after_s):
        began = reconcile._now()

        def listing():
            at = None if after_s is None else began + timedelta(seconds=after_s)
            KafkaCredential.objects.update(confirmed_at=at)
            return reconcile.Listing(frozenset({"babamul-another"}), {})

        monkeypatch.setattr(reconcile, "_listing", listing)
        return [(each.principal, each.repair) for each in reconcile._differences()]

    return confirm


@pytest.mark.parametrize("after_s", [0, 0.001, 1])
def test_what_was_confirmed_since_the_listing_began_is_left_for_the_next_time(confirmed, after_s):
    assert confirmed(after_s) == []


@pytest.mark.parametrize("after_s", [-0.001, -3600, None])
def test_what_was_confirmed_before_is_compared(confirmed, after_s):
    assert confirmed(after_s) == [(PRINCIPAL, "its owner is asked to rotate")]
