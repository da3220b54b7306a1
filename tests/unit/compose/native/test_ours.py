"""What our own processes are given."""

import pytest

from broker.config import Config, read_config
from broker.host import host_queue, this_host
from broker.queues import QUEUES
from broker.sections.telescope import BEAM
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


def worker_of(queue, settings):
    """Return the words that start the worker of a queue, or None where it is not started."""
    found = {process.name: process.argv for process in processes(settings)}
    return found.get(f"worker-{queue}")


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_every_queue_has_a_worker_that_serves_it_and_no_other_worker_does(queue):
    settings = Config(telescopes={"beam": BEAM})
    served = [
        argv[argv.index("-Q") + 1].split(",")
        for process in processes(settings)
        if "-Q" in (argv := process.argv)
    ]

    assert worker_of(queue.name, settings) is not None
    assert sum(queue.name in queues for queues in served) == 1


def test_the_worker_of_files_serves_those_of_this_host_too():
    argv = worker_of("sinks", Config())
    assert argv[argv.index("-Q") + 1] == f"sinks,{host_queue(this_host(Config()))}"


@pytest.mark.parametrize("queue", ["commands", "telescope_data"])
def test_without_a_telescope_the_bus_costs_no_process(queue):
    assert worker_of(queue, Config()) is None


def test_the_web_still_has_its_port():
    assert BY_NAME["web"].port == Config().web.port
