"""Who may not list passwords at Kafka does not try: the library would end the process."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka.admin import AclOperation

from broker import kafka_rights, kafka_secrets


class Demoted:
    """An admin client that may look at the cluster, and no more."""

    def __init__(self):
        self.listings = 0

    def describe_cluster(self, **_):
        future = Future()
        future.set_result(SimpleNamespace(authorized_operations=[AclOperation.DESCRIBE]))
        return future

    def describe_user_scram_credentials(self, *_, **__):
        self.listings += 1


@pytest.fixture
def demoted(monkeypatch):
    client = Demoted()
    for module in (kafka_rights, kafka_secrets):
        monkeypatch.setattr(module, "admin_client", lambda: client)
    return client


@pytest.mark.parametrize(
    "ask",
    [kafka_secrets.listed_secrets, lambda: kafka_secrets.has_secret("babamul-x")],
    ids=["all", "one"],
)
def test_a_listing_proves_its_right_first(demoted, ask):
    with pytest.raises(PermissionError, match="lacks ALTER on the cluster"):
        ask()

    assert demoted.listings == 0
