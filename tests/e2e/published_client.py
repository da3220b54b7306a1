"""The published ``babamul`` client, unmodified, in an environment of its own."""

import json
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from accounts.principals import Reader
from tests.client_environment import PROGRAMS, ClientEnvironment
from tests.environment import of_a_stranger

CLIENT = ClientEnvironment("babamul-0.2.0", "babamul.lock")
PROGRAM = PROGRAMS / "consume.py"
REST_PROGRAM = PROGRAMS / "rest.py"
CONSUME_LIMIT_S = 300


def installed() -> Path:
    """Return the Python of the client's environment, made at most once per lock file."""
    return CLIENT.installed()


def consume(
    reader: Reader, server: str, count: int, topics: Sequence[str], candids: Collection[int] = ()
) -> list[dict[str, Any]]:
    """Return what the client's models made of ``count`` alerts from the topics' beginning.

    Where ``candids`` are named, other alerts are passed over.
    """
    done = subprocess.run(
        [str(CLIENT.python), str(PROGRAM), str(count), *topics],
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
