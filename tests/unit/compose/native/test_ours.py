"""What our own processes are given."""

import pytest

from broker.config import Config, read_config
from compose.native.ours import processes

PASSWORDS = """
NIGHTJAR_KAFKA__PASSWORD=of-pipeline
NIGHTJAR_KAFKA__ADMIN_PASSWORD=of-admin
NIGHTJAR_KAFKA__FEED_PASSWORD=of-feed
"""
BY_NAME = {process.name: process for process in processes(Config())}


@pytest.fixture
def passwords_of(tmp_path, monkeypatch):
    """Return a function: the passwords of Kafka that one of our processes reads."""
    (tmp_path / "native.env").write_text(PASSWORDS)
    monkeypatch.setenv("NIGHTJAR_HOME", str(tmp_path))

    def read(name):
        for variable in ("PASSWORD", "ADMIN_PASSWORD", "FEED_PASSWORD"):
            monkeypatch.delenv(f"NIGHTJAR_KAFKA__{variable}", raising=False)
        for variable, text in BY_NAME[name].environment.items():
            monkeypatch.setenv(variable, text)
        kafka = read_config().kafka
        secrets = (kafka.password, kafka.admin_password, kafka.feed_password)
        return [secret.get_secret_value() for secret in secrets]

    return read


def test_the_web_has_its_own_password_of_kafka_and_no_other(passwords_of):
    assert passwords_of("web") == ["of-pipeline", "", ""]


def test_the_worker_of_accounts_has_the_password_of_admin(passwords_of):
    assert "of-admin" in passwords_of("worker-accounts")


def test_the_web_still_has_its_port():
    assert BY_NAME["web"].port == Config().web.port
