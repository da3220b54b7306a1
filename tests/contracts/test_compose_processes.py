"""Our processes in containers against those of compose/native; no engine runs here."""

import re
import subprocess
from itertools import product

import pytest
import yaml

from broker.config import ROOT, build
from compose.native import ours, passwords
from tests.contracts.test_compose import ALL, FOLDER, ONCE, OURS
from tests.environment import of_a_stranger

EXTENSIONS = ("compose_prod.yml", "compose_test.yml")
DOCKERFILE = (FOLDER / "Dockerfile").read_text()


def native():
    """Return the words of each process of an installation that has everything, by its name."""
    settings = build({})
    telescopes = {"telescopes": {"one": object()}}
    lasair = settings.lasair.model_copy(update={"topics": (object(),)})
    full = settings.model_copy(update={"lasair": lasair, **telescopes})
    found = {each.name: each.argv for each in ours.processes(full)}
    return found | {"metrics": (*ours.MANAGE, "metrics")}


def test_every_process_has_a_service_and_no_service_is_of_none():
    assert OURS.keys() - ONCE == native().keys()


@pytest.mark.parametrize("name", sorted(OURS.keys() - ONCE))
def test_a_service_runs_what_the_native_process_runs(name):
    said, wanted = OURS[name]["command"], native()[name]
    plain = ["python" if word == ours.PYTHON else word for word in wanted]
    plain = ["manage.py" if word == ours.MANAGE[1] else word for word in plain]
    for word in plain:
        if word.startswith("sinks,"):
            assert "sinks,sinks.nightjar" in said
        elif not re.match(r"[\d.]+:\d+$", word):
            assert word in said
    assert ("REMAP_SIGTERM" in OURS[name]["environment"]) == name.startswith("worker-")


@pytest.mark.parametrize("name", sorted(OURS.keys() - ONCE))
def test_a_service_of_ours_lives_long_is_watched_and_stops_in_time(name):
    service = OURS[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["depends_on"] == {"bootstrap": {"condition": "service_completed_successfully"}}
    assert service["stop_grace_period"] == ("40s" if name.startswith("worker-") else "20s")
    assert service["hostname"] == "nightjar"
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")


def test_only_those_have_the_admins_password_who_need_it():
    having = {
        name
        for name, service in OURS.items()
        if service.get("environment", {}).get("NIGHTJAR_KAFKA__ADMIN_PASSWORD")
    }

    assert having == {"bootstrap", "worker-accounts", "demo"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting(name):
    known = set(
        re.findall(r"^#?(NIGHTJAR_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    named = set(OURS[name].get("environment", {})) - {"REMAP_SIGTERM"}

    assert named <= known
    assert set(re.findall(r"(NIGHTJAR_\w+)=", DOCKERFILE)) <= known


def test_what_the_image_is_made_of_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    kept = (ROOT / ".dockerignore").read_text().splitlines()

    assert copied
    for name in (each for line in copied for each in line.split()):
        assert (ROOT / name).exists(), name
        assert f"!{name.split('/')[0]}" in kept
    for line in kept:
        assert not line.startswith("!") or (ROOT / line[1:]).exists()
    assert "USER nightjar" in DOCKERFILE


def test_extensions_change_each_of_our_processes_and_mount_what_is_there():
    for name in EXTENSIONS:
        more = yaml.safe_load((FOLDER / name).read_text())["services"]
        assert more.keys() == OURS.keys() - {"init_volume"}
        for volume in (v for service in more.values() for v in service["volumes"]):
            if volume.startswith("../"):
                assert (FOLDER / volume.split(":")[0]).exists()
        is_test = name == "compose_test.yml"
        assert any("../broker" in v for v in more["web"]["volumes"]) == is_test


CONFIG = ("docker-compose", "--file", str(FOLDER / "compose.yaml"))


def config(*words):
    given = of_a_stranger(**dict.fromkeys(passwords.NAMES, "x"))
    done = subprocess.run(
        [*CONFIG, *words, "config", "-q"], env=given, capture_output=True, check=False
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.slow
def test_compose_itself_takes_every_combination_and_refuses_a_broken_key(tmp_path):
    if not any((folder / "docker-compose").exists() for folder in (ROOT.__class__("/usr/bin"),)):
        pytest.skip("no docker-compose here: apt-get install docker-compose")
    for chosen in product((False, True), repeat=len(EXTENSIONS)):
        words = [
            word
            for is_in, name in zip(chosen, EXTENSIONS, strict=True)
            if is_in
            for word in ("--file", str(FOLDER / name))
        ]
        assert config(*words) == (0, "")
    broken = tmp_path / "broken.yml"
    broken.write_text("services:\n  web:\n    restrat: always\n")
    assert "restrat" in config("--file", str(broken))[1]
    assert ALL["web"]["image"].count(":") == 1
