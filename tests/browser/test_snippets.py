"""The wizard's Python runs as it stands, against real Kafka, and prints an alert."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from accounts.principals import Reader, new_password
from broker import kafka_admin
from broker.config import config
from compose.native.jars import LIBS
from compose.native.java import java
from pipeline.web import snippets
from pipeline.web.snippets import Choice
from tests.e2e import published_client
from tests.environment import of_a_stranger

FIRST_WITHIN_S = 60.0
TESTS = ("babamul.ztf-test", "babamul.lsst-test")


@pytest.fixture(scope="module")
def readers(site):
    """Return the two kinds of principals, granted."""
    email = f"snippet-{site.system.name}@example.org".lower()
    found = [Reader(email, new_password(), "babamul-")]
    name = f"babamul-{site.system.name}-0000".lower()
    found.append(Reader(name, new_password(), name))
    for reader in found:
        kafka_admin.grant_reader(reader.username, reader.password, reader.group_prefix)
        assert kafka_admin.probe_login(
            reader.username, reader.password, config().kafka.public_servers
        )
    return dict(zip(("email", "named"), found, strict=True))


def choice_of(reader, topics=TESTS, group=""):
    return Choice(
        config().kafka.public_servers,
        reader.username,
        group or f"{reader.group_prefix}-{time.time_ns()}",
        topics,
        is_everything=True,
        is_local=True,
    )


def environment(reader):
    return of_a_stranger(
        BABAMUL_KAFKA_PASSWORD=reader.password,
        BABAMUL_KAFKA_USERNAME=reader.username,
        BABAMUL_NO_VERSION_CHECK="1",
        PYTHONUNBUFFERED="1",
    )


def first_line(python, code, reader, tmp_path):
    """Run a script until its first line of output, then end it."""
    script = tmp_path / "snippet.py"
    script.write_text(code)
    errors = tmp_path / "errors"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [str(python), str(script)],
            env=environment(reader),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            os.set_blocking(process.stdout.fileno(), False)
            give_up_at = time.monotonic() + FIRST_WITHIN_S
            while not (line := process.stdout.readline()):
                assert time.monotonic() < give_up_at, "silence: " + errors.read_text()
                assert process.poll() is None, errors.read_text()
                time.sleep(0.1)
            return line
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.mark.parametrize("kind", ["email", "named"])
def test_confluent_kafka_prints_an_alert(kind, readers, tmp_path):
    reader = readers[kind]

    line = first_line(sys.executable, snippets.confluent_kafka(choice_of(reader)), reader, tmp_path)

    assert line.split()[0] in TESTS
    assert line.split()[1].startswith("TEST")


def test_the_babamul_client_prints_an_alert(readers, tmp_path):
    reader = readers["named"]

    code = snippets.babamul(choice_of(reader))
    line = first_line(published_client.installed(), code, reader, tmp_path)

    assert line.split()[0] in TESTS


def test_without_names_the_environment_gives_them(readers, tmp_path):
    reader = readers["named"]
    nobody = Choice(config().kafka.public_servers, "", "laptop", TESTS, is_everything=True)

    line = first_line(sys.executable, snippets.confluent_kafka(nobody), reader, tmp_path)

    assert line.split()[0] in TESTS


@pytest.mark.parametrize("kind", ["email", "named"])
def test_the_cells_of_the_notebook_run_to_their_end(kind, readers, tmp_path):
    reader = readers[kind]
    book = json.loads(snippets.notebook(choice_of(reader, ("babamul.ztf-test",))))
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    code = "\n".join(cell for cell in cells if not cell.startswith("%pip"))
    script = tmp_path / "cells.py"
    # A whole number alone: ports and names may hold its digits.
    script.write_text(re.sub(rf"\b{snippets.ALERTS_IN_NOTEBOOK}\b", "1", code))
    python = published_client.installed() if kind == "named" else sys.executable

    done = subprocess.run(
        [str(python), str(script)],
        env=environment(reader),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=FIRST_WITHIN_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "TEST" in done.stdout


def test_javas_properties_log_in_with_kafkas_own_consumer(readers, tmp_path):
    reader = readers["email"]
    properties = tmp_path / "client.properties"
    text = snippets.client_properties(choice_of(reader))
    properties.write_text(text.replace("BABAMUL_KAFKA_PASSWORD", reader.password))

    done = subprocess.run(
        [
            *javas_consumer(),
            *("--bootstrap-server", config().kafka.public_servers, "--topic", TESTS[0]),
            *("--consumer.config", str(properties), "--max-messages", "1"),
        ],
        capture_output=True,
        timeout=FIRST_WITHIN_S,
        check=False,
    )

    assert b"Obj\x01" in done.stdout, done.stderr


def javas_consumer():
    """Return the command of Kafka's console consumer on the jars of the native parts."""
    return [str(java()), "-cp", f"{LIBS}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer"]
