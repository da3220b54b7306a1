"""How GCN is reached: by its own client's settings, or not at all."""

import pytest
from confluent_kafka import Consumer

from broker import kafka_connection
from broker.config import build
from broker.kafka_connection import gcn_connection, own_connection


@pytest.fixture
def given(monkeypatch):
    """Return a function that sets the section ``gcn``."""

    def give(**gcn: str) -> None:
        settings = build(toml={"gcn": gcn})
        monkeypatch.setattr(kafka_connection, "config", lambda: settings)

    return give


def test_without_a_client_id_notices_are_read_on_our_own_broker(given):
    given()

    assert gcn_connection() == own_connection()


@pytest.mark.parametrize("domain", ["gcn.nasa.gov", "test.gcn.nasa.gov", "dev.gcn.nasa.gov"])
def test_gcn_is_reached_as_its_own_client_does(given, domain):
    given(client_id="me", client_secret="secret", domain=domain)

    found = gcn_connection()

    assert found["bootstrap.servers"] == f"kafka.{domain}"
    assert found["security.protocol"] == "SASL_SSL"
    assert {name: text for name, text in found.items() if name.startswith("sasl.")} == {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "me",
        "sasl.oauthbearer.client.secret": "secret",
        "sasl.oauthbearer.token.endpoint.url": f"https://auth.{domain}/oauth2/token",
    }


def test_the_library_takes_these_settings(given):
    given(client_id="me", client_secret="secret")
    plain = {"security.protocol": "SASL_PLAINTEXT", "bootstrap.servers": "127.0.0.1:1"}

    Consumer({**gcn_connection(), **plain, "group.id": "nobody"}).close()


def test_a_plain_broker_with_gcns_topics_needs_no_login(given):
    given(bootstrap_servers="mirror.invalid:9092")

    assert gcn_connection() == {
        "bootstrap.servers": "mirror.invalid:9092",
        "security.protocol": "PLAINTEXT",
        "log_level": kafka_connection.LIBRARY_LOG_LEVEL,
    }
