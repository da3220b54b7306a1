"""The published ``babamul`` client, unmodified, in an environment of its own."""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from accounts.principals import Reader
from broker.config import ROOT
from tests.environment import of_a_stranger

HOME = ROOT / ".nightjar" / "clients" / "babamul-0.2.0"
LOCK = ROOT / "tests" / "clients" / "babamul.lock"
PROGRAM = ROOT / "tests" / "clients" / "consume.py"
REST_PROGRAM = ROOT / "tests" / "clients" / "rest.py"
INSTALL_LIMIT_S = 600
CONSUME_LIMIT_S = 300


def installed() -> Path:
    """Return the Python of the client's environment, made at most once per lock file."""
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with (HOME.parent / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # several test runs may want it at once
        if not _is_ready():
            _install()
    return _python()


def consume(
    reader: Reader, server: str, count: int, topics: Sequence[str], candids: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Return what the client's models made of ``count`` alerts from the topics' beginning.

    Where ``candids`` are named, other alerts are passed over.
    """
    done = subprocess.run(
        [str(_python()), str(PROGRAM), str(count), *topics],
        env=of_a_stranger(**_login(reader, server)),
        input=" ".join(map(str, candids)),
        capture_output=True,
        text=True,
        timeout=CONSUME_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask_rest(token: str, facts: Path) -> dict[str, Any]:
    """Return what the client's models made of every answer of REST, on the port it hard-wires."""
    done = subprocess.run(
        [str(installed()), str(REST_PROGRAM), str(facts)],
        env=of_a_stranger(BABAMUL_API_TOKEN=token),
        capture_output=True,
        text=True,
        timeout=CONSUME_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _login(reader: Reader, server: str) -> dict[str, str]:
    """Return the client's own variables; without a server it takes the one it knows."""
    login = {
        "BABAMUL_ENV": "local",
        "BABAMUL_NO_VERSION_CHECK": "1",
        "BABAMUL_KAFKA_USERNAME": reader.username,
        "BABAMUL_KAFKA_PASSWORD": reader.password,
    }
    return login | ({"BABAMUL_KAFKA_SERVER": server} if server else {})


def _install() -> None:
    _run(sys.executable, "-m", "venv", "--clear", str(HOME))
    _run(str(_python()), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK))
    _mark().write_text(_wanted())


def _run(*words: str) -> None:
    done = subprocess.run(
        words,
        env=of_a_stranger(),
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _is_ready() -> bool:
    return _mark().exists() and _mark().read_text() == _wanted()


def _mark() -> Path:
    return HOME / "ready"


def _wanted() -> str:
    return f"{sys.version} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"


def _python() -> Path:
    return HOME / "bin" / "python"
