"""The compose file against what it repeats: settings, passwords, versions, principals, files.

No engine runs here; ``docker-compose config`` of 1.29 and of 2 take the file (docs/compose.md).
"""

import json
import re
import subprocess

import pytest
import yaml

from broker.config import ROOT, build
from compose.native import connect, jars, kafka, passwords, ports, prometheus, registry
from compose.native.java import java
from compose.native.kafka import TEMPLATE
from tests.environment import of_a_stranger
from tests.integration.telescope_client.wheel import must

FOLDER = ROOT / "compose"
FILE = FOLDER / "compose.yaml"
TEXT = FILE.read_text()
ALL = yaml.safe_load(TEXT)["services"]
IS_OURS = re.compile(r"nightjar(-plans)?:")
OURS = {name: service for name, service in ALL.items() if IS_OURS.match(service["image"])}
SERVICES = {name: service for name, service in ALL.items() if name not in OURS}
ONCE = {"init_volume", "bootstrap", "demo"}
"""They do their work and end."""
OWN = {"KAFKA_CLUSTER_ID", "KAFKA_UI_USER", "KAFKA_UI_PASSWORD", "KAFKA_UI_SASL_PASSWORD"}
"""What a person gives beside the passwords of compose/native; each has a default."""


@pytest.fixture(params=SERVICES)
def service(request):
    return SERVICES[request.param]


def published():
    """Return each service's ports on this machine by those inside."""
    found = {}
    for name, service in SERVICES.items():
        for text in service.get("ports", ()):
            host, outside, inside = text.split(":")
            assert host == "127.0.0.1"
            found.setdefault(name, {})[int(inside)] = int(outside)
    return found


def test_profiles_start_what_belongs_together():
    of = {name: set(service.get("profiles", ())) for name, service in SERVICES.items()}

    assert of == {
        "postgres": set(),
        "redis": set(),
        "kafka": set(),
        "registry": {"registry", "connect"},
        "connect": {"connect"},
        "kafka-ui": {"tools"},
        "prometheus": {"metrics"},
        "alertmanager": {"metrics"},
        "grafana": {"metrics"},
    }


def test_a_service_lives_long_is_watched_and_has_a_tag(service):
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert re.fullmatch(r"[^:]+:v?\d[\d.]*", service["image"])
    for file in service.get("volumes", ()):
        if file.startswith("./"):
            assert (FOLDER / file.split(":")[0]).exists()


def test_ports_are_on_loopback_and_those_of_the_settings():
    at, found = ports.settled(build({})), published()

    assert set(found["postgres"].values()) == {at.postgres}
    assert set(found["redis"].values()) == {at.redis}
    assert set(found["kafka"].values()) == {at.kafka, *at.scram}
    assert set(found["registry"].values()) == {at.registry}
    assert set(found["connect"].values()) == {at.connect}
    assert found["prometheus"] == {9090: at.prometheus, 19093: at.alertmanager}
    numbers = [number for service in found.values() for number in service.values()]
    assert len(numbers) == len(set(numbers))


def test_prometheus_asks_every_process_that_starts_without_a_profile_and_tells_alertmanager():
    targets = json.loads((FOLDER / "metrics" / "containers.json").read_text())
    served = {name: each for name, each in OURS.items() if name not in ONCE}
    port = {each["environment"]["NIGHTJAR_METRICS__PORT"] for each in served.values()}

    assert len(port) == 1
    assert targets == [
        {"targets": [f"{name}:{min(port)}"], "labels": {"process": name}}
        for name, each in served.items()
        if "profiles" not in each
    ]
    assert SERVICES["alertmanager"]["network_mode"] == "service:prometheus"
    [listens] = [w for w in SERVICES["alertmanager"]["command"] if "web.listen-address" in w]
    assert prometheus.THEIR_PORT.endswith(listens.rpartition("=")[2])


def test_grafana_finds_prometheus_and_the_dashboards():
    files = dict(
        reversed(line.removesuffix(":ro").split(":")) for line in SERVICES["grafana"]["volumes"]
    )
    said = yaml.safe_load((FOLDER / "metrics" / "grafana-datasource.yml").read_text())
    provider = yaml.safe_load((FOLDER / "metrics" / "grafana-folder.yml").read_text())

    assert [each["url"] for each in said["datasources"]] == ["http://prometheus:9090"]
    [path] = [each["options"]["path"] for each in provider["providers"]]
    assert list((FOLDER / files[path]).glob("*.json"))


def test_every_variable_is_a_password_of_ours_or_explained():
    named = set(re.findall(r"\$\{(\w+)", TEXT))

    assert named - OWN <= set(passwords.NAMES)
    page = (ROOT / "docs" / "compose.md").read_text()
    assert {name for name in OWN if name in page} == OWN


def test_versions_are_those_of_the_native_parts():
    images = {name: service["image"].rpartition(":")[2] for name, service in SERVICES.items()}

    assert images["kafka"] == images["connect"] == kafka.pinned_version()
    assert images["registry"] == registry.VERSION


def native_lines():
    lines = [line for line in TEMPLATE.read_text().splitlines() if "=" in line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return what Kafka's image makes of the variables, by the image's own program."""
    folder = tmp_path_factory.mktemp("image")
    for name in ("default", "mounted", "final"):
        (folder / name).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folder / "default" / name).write_text("")
    variables = {name: str(value) for name, value in SERVICES["kafka"]["environment"].items()}
    variables = {name: re.sub(r"\$\{\w+:\?\}", "secret", text) for name, text in variables.items()}
    variables |= {"CLUSTER_ID": kafka.cluster_id(), "KAFKA_LOG_DIRS": str(folder / "data")}
    words = ("-cp", f"{jars.ensure()}/*", "kafka.docker.KafkaDockerWrapper", "setup")
    done = subprocess.run(
        [
            *(str(java()), *words, "--default-configs-dir", str(folder / "default")),
            *("--mounted-configs-dir", str(folder / "mounted")),
            *("--final-configs-dir", str(folder / "final")),
        ],
        env=of_a_stranger(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "final" / "server.properties"


@pytest.mark.slow
def test_kafka_is_told_what_the_native_one_is(made):
    lines = [line for line in made.read_text().splitlines() if "=" in line]
    told = dict(line.split("=", 1) for line in lines)

    for name, value in native_lines().items():
        if "$" not in value:
            assert told[name] == value, name
    assert told["message.max.bytes"] == str(build({}).kafka.message_max_bytes)
    people = "listener.name.network.scram-sha-512.connections.max.reauth.ms"
    assert told[people] == str(kafka.REAUTH_MS)


def test_principals_are_those_of_the_native_kafka():
    wanted = {
        (who, variable.lower())
        for who, variable in re.findall(r'user_(\w+)="\$\{(\w+)\}"', TEMPLATE.read_text())
    }
    environment = SERVICES["kafka"]["environment"]
    for listener in ("INTERNAL", "HOST"):
        login = environment[f"KAFKA_LISTENER_NAME_{listener}_PLAIN_SASL_JAAS_CONFIG"]
        found = re.findall(r'user_(\w+)="\$\{KAFKA_(\w+):\?\}"', login)
        assert {(who, variable.lower()) for who, variable in found} == wanted


def test_every_listener_demands_a_login():
    environment = SERVICES["kafka"]["environment"]
    protocols = dict(
        pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    listeners = {each.split("://")[0] for each in environment["KAFKA_LISTENERS"].split(",")}

    assert set(protocols) == listeners
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    for name in listeners - {"CONTROLLER"}:
        assert f"{name}://" in environment["KAFKA_ADVERTISED_LISTENERS"]
        assert f"KAFKA_LISTENER_NAME_{name}_SASL_ENABLED_MECHANISMS" in environment


def test_the_worker_has_everything_that_its_settings_ask_for():
    asked = set(re.findall(r"\$\{env:(\w+)\}", (connect.FOLDER / "worker.properties").read_text()))
    asked |= set(
        re.findall(r"\$\{env:(\w+)\}", (connect.FOLDER / "postgres-sink.json").read_text())
    )

    assert set(SERVICES["connect"]["environment"]) == asked


def test_the_workers_image_is_made_of_files_that_are_there():
    lines = (connect.FOLDER / "Dockerfile").read_text().splitlines()
    copied = [
        line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line
    ]

    assert copied
    for name in (name for names in copied for name in names):
        assert (connect.FOLDER / name).is_file()
    text = "\n".join(lines)
    for words in (connect.MAIN, connect.UTC, connect.CONVERTER, connect.NOTE, *connect.HEAP):
        assert words in text


@pytest.mark.parametrize("script", ["deploy-connector.sh"])
def test_the_script_is_a_shells(script):
    path = connect.FOLDER / script

    assert path.stat().st_mode & 0o111
    must("sh", "-n", str(path))
