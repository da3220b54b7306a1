"""How people's consumers speak to Kafka is one setting: with it, all that we tell them changes."""

import dataclasses
import socket
import subprocess
import sys
import threading

import pytest
from django.test import RequestFactory

from accounts.web import check_pages
from broker import kafka_login
from broker.config import config
from compose.native.home import ROOT, Home, NativeError
from compose.native.kafka import Kafka
from pipeline.web import snippets, start, topic_pages
from pipeline.web.snippets import Choice
from tests.environment import inherited

TOLD = (".py", ".html", ".txt")
WRITTEN_IN = {"broker/sections/parts.py", "broker/sections/streams.py", "broker/sections/gcn.py"}
"""Settings."""
CHOICE = Choice("kafka.example.org:9093", "", "laptop", ("babamul.none",), True)


@pytest.fixture
def _tls(monkeypatch):
    monkeypatch.setenv("NIGHTJAR_KAFKA__PUBLIC_PROTOCOL", "SASL_SSL")
    config.cache_clear()
    yield
    monkeypatch.undo()
    config.cache_clear()


def test_no_page_and_no_program_names_the_protocol_by_itself():
    files = [
        file
        for package in ("accounts", "broker", "pipeline")
        for file in (ROOT / package).rglob("*")
        if file.suffix in TOLD and "SASL_PLAINTEXT" in file.read_text()
    ]

    named = {str(file.relative_to(ROOT)) for file in files}
    assert named == WRITTEN_IN | {"pipeline/web/snippets.py"}, "there as the client's only one"


def with_tls(choice):
    return dataclasses.replace(choice, protocol="SASL_SSL")


@pytest.mark.usefixtures("_tls")
def test_the_first_consumer_that_anybody_sees_follows_it():
    shown = topic_pages.snippet(("babamul.none",), config())

    assert '"security.protocol": "SASL_SSL"' in shown


@pytest.mark.parametrize(
    "write",
    [snippets.confluent_kafka, snippets.begin, snippets.kcat, snippets.client_properties],
    ids=lambda write: write.__name__,
)
def test_every_format_of_the_wizard_follows_it(write):
    told = write(with_tls(CHOICE))

    assert "SASL_SSL" in told
    assert "SASL_PLAINTEXT" not in told


@pytest.mark.usefixtures("_tls")
def test_the_wizard_writes_what_is_set():
    wizard = start._read(RequestFactory().get("/start"))

    assert wizard.choice.protocol == "SASL_SSL"


def test_the_published_client_is_not_offered_where_it_cannot_connect():
    assert CHOICE.is_for_client
    assert not with_tls(CHOICE).is_for_client


@pytest.mark.usefixtures("_tls")
def test_our_own_logins_on_trial_follow_it(monkeypatch):
    made = []
    monkeypatch.setattr(kafka_login, "Consumer", made.append)

    kafka_login.public_consumer("babamul-x", "secret", "x.invalid:9093", threading.Event(), {})

    assert made[0]["security.protocol"] == "SASL_SSL"


@pytest.mark.usefixtures("_tls")
def test_a_kafka_without_a_certificate_does_not_start(tmp_path):
    part = Kafka(Home(tmp_path), 1, 2, (3,), "localhost", 1, {})

    with pytest.raises(NativeError, match="public_protocol = SASL_SSL"):
        part.prepare()


@pytest.mark.usefixtures("_tls")
def test_the_script_for_home_names_a_port_that_does_not_speak_tls(tmp_path):
    file = tmp_path / "check_babamul.py"
    file.write_text(check_pages.script())
    assert '"security.protocol": "SASL_SSL"' in file.read_text()
    assert len(file.read_text().splitlines()) <= 60

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=say_hello, args=(server,), daemon=True).start()
        told = run(file, server.getsockname()[1])

    assert told.startswith("TLS: ")


def say_hello(server):
    """Answer one caller as no TLS server would."""
    with server.accept()[0] as caller:
        caller.recv(1024)
        caller.sendall(b"hello, who is there?\r\n")


def run(file, port):
    """Run the script as a person would; return what it says."""
    done = subprocess.run(
        [sys.executable, str(file)],
        env={
            "PATH": inherited()["PATH"],
            "BABAMUL_KAFKA_SERVER": f"127.0.0.1:{port}",
            "BABAMUL_KAFKA_USERNAME": "babamul-x",
            "BABAMUL_KAFKA_PASSWORD": "secret",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr
