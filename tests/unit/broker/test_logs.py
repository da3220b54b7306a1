import io
import json
import logging

import pytest
from pydantic import SecretStr

from broker import logs
from broker.config import build

SECRET = "s3cr3t-of-kafka"


@pytest.fixture
def stream():
    """Keep the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lines(stream):
    """Log to memory, and return a function that reads the lines as JSON."""
    settings = build(
        {
            "NIGHTJAR_KAFKA__PASSWORD": SECRET,
            "NIGHTJAR_POSTGRES__URL": "postgresql://nightjar:hunter22@db/nightjar",
        }
    )
    logs.configure(settings, stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_with(text):
    raise ValueError(text)


def test_a_line_has_event_level_time_and_what_is_bound(lines):
    with logs.bound(stream="ztf", topic="t", partition=3, first=10, last=20):
        logs.log.info("range.done", stored=11)

    (line,) = lines()
    assert (line["event"], line["level"], line["stored"]) == ("range.done", "info", 11)
    assert (line["stream"], line["partition"], line["first"]) == ("ztf", 3, 10)
    assert line["timestamp"].endswith("Z")


def test_what_is_bound_ends_with_the_block(lines):
    with logs.bound(stream="ztf"):
        pass
    logs.log.info("listener.idle")

    assert "stream" not in lines()[0]


def test_lines_of_libraries_come_the_same_way(lines):
    with logs.bound(candid=5):
        logging.getLogger("some.library").warning("took %s s", 3)

    (line,) = lines()
    assert (line["event"], line["logger"], line["candid"]) == ("took 3 s", "some.library", 5)


@pytest.mark.parametrize("name", ["password", "sasl_password", "api_key", "Authorization", "token"])
def test_a_fact_with_a_secret_name_is_blotted_out(lines, name):
    logs.log.info("login", **{name: "anything", "nested": {name: "anything"}})

    (line,) = lines()
    assert (line[name], line["nested"][name]) == (logs.REDACTED, logs.REDACTED)


def test_a_login_in_a_url_is_blotted_out_wherever_it_stands(lines):
    logs.log.error("connect.failed", error="no route to redis://:other-one@host:6379/0")

    assert lines()[0]["error"] == f"no route to redis://{logs.REDACTED}@host:6379/0"


@pytest.mark.parametrize("secret", [SECRET, "hunter22"])
def test_a_configured_secret_is_blotted_out_of_any_text(lines, secret):
    try:
        fail_with(f"could not log in with {secret}")
    except ValueError:
        logging.getLogger("library").exception("failed with %s", secret)

    (line,) = lines()
    assert line["event"] == f"failed with {logs.REDACTED}"
    assert "ValueError" in line["exception"]
    assert secret not in json.dumps(line)


def test_bytes_are_counted_and_not_shown(lines):
    logs.log.info("packet.read", value=b"\x00\x01\x02", secret_string=SecretStr("abc"))

    assert (lines()[0]["value"], lines()[0]["secret_string"]) == ("<3 bytes>", logs.REDACTED)


def test_configuring_twice_writes_each_line_once(lines, stream):
    logs.configure(build(), stream)
    logs.log.info("once")

    assert len(lines()) == 1


def test_lines_below_the_level_are_not_written(lines, stream):
    logs.configure(build({"NIGHTJAR_LOGS__LEVEL": "warning"}), stream)
    logs.log.info("quiet")
    logs.log.warning("loud")

    assert [line["event"] for line in lines()] == ["loud"]


def test_the_console_form_is_for_people(stream):
    logs.configure(build({"NIGHTJAR_LOGS__FORMAT": "console"}), stream)
    logs.log.info("range.done", stored=11)

    assert "range.done" in stream.getvalue()
    assert "stored=11" in stream.getvalue()


TOKEN = "bbml_" + "aB3" * 12
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiYWJhbXVsOjEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"sent {TOKEN} along", "sent *** along"),
        (f"Authorization was Bearer {JWT}", "Authorization was Bearer ***"),
        (f"cut off: {JWT[:60]}", "cut off: ***"),
        (
            "GET /activate?email=a%40b.org&activation_code=3f2c1d HTTP/1.1",
            "GET /activate?email=a%40b.org&activation_code=*** HTTP/1.1",
        ),
        ("/reset?token=abc&email=x", "/reset?token=***&email=x"),
    ],
    ids=["personal token", "jwt", "cut jwt", "activation link", "reset link"],
)
def test_what_is_secret_by_its_form_is_blotted_out(lines, text, left):
    logs.log.warning("mail.refused", error=text)

    assert lines()[0]["error"] == left


def test_a_secret_in_a_traceback_is_blotted_out(lines):
    try:
        fail_with(f"no such token: {TOKEN}")
    except ValueError:
        logs.log.exception("web.failed")

    text = json.dumps(lines()[0])
    assert TOKEN not in text
    assert "no such token: ***" in text


def test_what_robots_ask_for_is_not_noted(lines):
    logging.getLogger("django.request").warning("Not Found: /wp-login.php")
    logging.getLogger("django.request").error("Internal Server Error: /topics")

    assert [line["event"] for line in lines()] == ["Internal Server Error: /topics"]
