"""The settings with which Kafka starts."""

from dataclasses import replace

import pytest

from compose.native import kafka
from compose.native.home import Home
from compose.native.passwords import NAMES


@pytest.fixture
def part(tmp_path) -> kafka.Kafka:
    passwords = {name: f"<{name}>" for name in NAMES}
    return kafka.Kafka(
        Home(tmp_path), 29092, 29093, (9093, 9092), "broker.example.org", 8_388_608, passwords
    )


@pytest.fixture
def settings(part) -> dict[str, str]:
    return read(part)


def read(part: kafka.Kafka) -> dict[str, str]:
    lines = [line for line in part._filled().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_listener_is_on_loopback_and_authenticates(settings):
    assert settings["listeners"] == (
        "INTERNAL://127.0.0.1:29092,EXTERNAL://127.0.0.1:9093,EXTERNAL2://127.0.0.1:9092,"
        "CONTROLLER://127.0.0.1:29093"
    )
    assert "PLAINTEXT" not in {
        pair.split(":")[1] for pair in settings["listener.security.protocol.map"].split(",")
    }


def test_nobody_is_let_in_without_a_login_but_where_that_was_asked_for(part):
    settings = read(replace(part, plain_port=19092))

    assert settings["listeners"].endswith(",LASAIR://127.0.0.1:19092,CONTROLLER://127.0.0.1:29093")
    assert settings["advertised.listeners"].endswith(",LASAIR://127.0.0.1:19092")
    protocols = settings["listener.security.protocol.map"].split(",")
    assert [pair for pair in protocols if pair.endswith(":PLAINTEXT")] == ["LASAIR:PLAINTEXT"]
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert replace(part, plain_port=19092).ports()["lasair"] == (19092,)


def test_people_are_told_the_public_host(settings):
    assert settings["advertised.listeners"] == (
        "INTERNAL://127.0.0.1:29092,EXTERNAL://broker.example.org:9093,"
        "EXTERNAL2://broker.example.org:9092"
    )


@pytest.mark.parametrize("listener", ["external", "external2"])
def test_public_listeners_take_scram_only_and_ask_again(settings, listener):
    prefix = f"listener.name.{listener}"

    assert settings[f"{prefix}.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
    assert settings[f"{prefix}.scram-sha-512.connections.max.reauth.ms"] == "60000"


def test_tests_need_not_wait_for_what_takes_a_minute(part):
    settings = read(replace(part, throwaway=True))

    for listener in ("external", "external2"):
        name = f"listener.name.{listener}.scram-sha-512.connections.max.reauth.ms"
        assert settings[name] == "10000"
    assert settings["log.retention.check.interval.ms"] == "1000"


def test_nothing_is_allowed_without_a_right(settings):
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["super.users"] == "User:kraft;User:admin"
    assert settings["auto.create.topics.enable"] == "false"


def test_messages_up_to_eight_mebibytes_are_taken_and_copied(settings):
    assert settings["message.max.bytes"] == "8388608"
    assert settings["replica.fetch.max.bytes"] == "8388608"


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch):
    ids = iter([bytes([0xF8]) + bytes(15), bytes(16)])  # the first begins with a minus
    monkeypatch.setattr(kafka.uuid, "uuid4", lambda: type("Id", (), {"bytes": next(ids)}))

    assert kafka.cluster_id() == "A" * 22
