"""Which port each part listens on."""

import json
import os
import socket

import pytest

from broker.config import build
from compose.native import ports, profile
from compose.native.home import Home, NativeError


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_the_settings_name_every_port():
    settings = build(
        {
            "NIGHTJAR_NATIVE__POSTGRES_PORT": "1001",
            "NIGHTJAR_NATIVE__REDIS_PORT": "1002",
            "NIGHTJAR_NATIVE__KAFKA_PORT": "1003",
            "NIGHTJAR_NATIVE__KAFKA_CONTROLLER_PORT": "1004",
            "NIGHTJAR_KAFKA__SCRAM_PORTS": "1005,1006",
            "NIGHTJAR_WEB__PORT": "1007",
            "NIGHTJAR_NATIVE__SLACK_PORT": "1008",
            "NIGHTJAR_NATIVE__WEBDAV_PORT": "1009",
            "NIGHTJAR_NATIVE__LASAIR_PORT": "1010",
            "NIGHTJAR_NATIVE__REGISTRY_PORT": "1011",
            "NIGHTJAR_NATIVE__REGISTRY_MANAGEMENT_PORT": "1012",
            "NIGHTJAR_NATIVE__ALERCE_PORT": "1013",
            "NIGHTJAR_NATIVE__PROMETHEUS_PORT": "1016",
            "NIGHTJAR_NATIVE__ALERTMANAGER_PORT": "1017",
            "NIGHTJAR_NATIVE__S3_PORT": "1014",
            "NIGHTJAR_NATIVE__CONNECT_PORT": "1015",
        }
    )

    expected = ports.Ports(1001, 1002, 1003, 1004, (1005, 1006), *range(1007, 1018))
    assert ports.settled(settings) == expected


def test_drawn_ports_differ_and_are_free():
    drawn = ports.drawn(scram_count=2)
    numbers = [drawn.postgres, drawn.redis, drawn.kafka, drawn.kafka_controller, *drawn.scram]

    beside = {drawn.web, drawn.slack, drawn.webdav, drawn.alerce, drawn.lasair, drawn.registry}
    beside |= {drawn.registry_management, drawn.s3, drawn.connect}
    beside |= {drawn.prometheus, drawn.alertmanager}
    assert len({*numbers, *beside}) == 17
    assert all(ports.is_free(number) for number in numbers)


def test_a_taken_port_is_named_with_holder_and_setting(taken):
    with pytest.raises(NativeError) as refused:
        ports.demand_free("scram", taken)

    said = str(refused.value)
    assert f"port {taken} (scram)" in said
    assert f"pid {os.getpid()}" in said
    assert "NIGHTJAR_KAFKA__SCRAM_PORTS" in said


def test_every_purpose_has_a_setting_that_exists():
    dump = build().model_dump()

    for setting in ports.SETTINGS.values():
        section, name = setting.split(".")
        assert name in dump[section]


def test_a_decision_is_remembered_until_it_is_forgotten(tmp_path):
    home = Home(tmp_path)
    home.make()
    chosen = profile.choose(build(), is_free=True, is_throwaway=False)

    profile.save(home, chosen)
    remembered = profile.remembered(home)
    profile.forget(home)

    assert remembered == chosen
    assert profile.remembered(home) is None


def test_a_decision_of_a_version_before_still_binds(tmp_path):
    home = Home(tmp_path)
    home.make()
    profile.save(home, profile.choose(build(), is_free=True, is_throwaway=False, is_demo=True))
    path = home.run / "profile.json"
    kept = json.loads(path.read_text())
    del kept["is_demo"], kept["is_lasair"], kept["ports"]["slack"], kept["ports"]["lasair"]
    path.write_text(json.dumps(kept))

    assert not profile.remembered(home).is_demo
