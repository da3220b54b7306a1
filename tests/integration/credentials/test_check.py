"""The connection check on a real broker: each way of hearing nothing has its own name."""

import subprocess
import sys
import uuid

import pytest
from django.db import transaction
from django.test import Client

from accounts import connection_groups, credentials, sessions
from accounts.web import check_pages
from accounts.web.sessions import COOKIE
from broker import kafka_admin, kafka_groups
from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_admin import TopicSpec
from broker.kafka_groups import group
from broker.kafka_types import Message
from tests.consumers import next_word
from tests.environment import inherited
from tests.integration.credentials.conftest import eventually, granted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

TOPIC = "babamul.ztf-test"


@pytest.fixture
def browser(owl, monkeypatch):
    """A browser that is signed in."""
    monkeypatch.setattr(check_pages, "take", lambda *_, **__: None)
    monkeypatch.setattr(check_pages, "PROBE_S", 12.0)  # a busy machine answers late
    monkeypatch.setattr(kafka_groups, "LOOK_S", 30)
    found = Client(headers={"host": "localhost"})
    found.cookies[COOKIE] = sessions.open_session(owl, "Firefox")
    return found


@pytest.fixture
def still_topic(test_topics):
    """A public topic with one message that nobody else writes to."""
    name = f"babamul.test.{uuid.uuid4().hex[:8]}"
    kafka_admin.ensure_topics([TopicSpec(name, 1, 86_400_000)])
    producer = Producer(own_connection())
    eventually(lambda: producer.send([Message(name, None, b"alert", [])]) == [None])
    return name


def look(browser, login, **asked):
    """Return what the fragment says of a credential."""
    answer = browser.get("/check/waiting", {"credential": login.row.pk, "topic": TOPIC} | asked)
    assert answer.status_code == 200, answer.content
    return [each.name for each in answer.context["answers"]]


def try_password(browser, login, password, **asked):
    data = {"credential": login.row.pk, "topic": TOPIC, "password": password} | asked
    answer = browser.post("/check/password", data)
    assert password not in answer.content.decode()
    return answer.context["tried"].name


def test_nobody_has_come_yet(bell, owl, browser):
    assert look(browser, granted(bell, owl)) == ["WAITING"]


def test_a_consumer_that_reads_is_well(bell, owl, browser):
    login = granted(bell, owl)
    name = login.row.group()
    look(browser, login)
    reading = login.consumer(TOPIC, name, **{"enable.auto.commit": False})
    assert next_word(reading) == "message"
    eventually(lambda: look(browser, login) != ["WAITING"])

    reading.commit(asynchronous=False)

    eventually(lambda: look(browser, login) == ["OK"])
    reading.close()


def test_a_consumer_that_has_read_everything_is_quiet(bell, owl, browser, still_topic):
    login = granted(bell, owl)
    reading = login.consumer(still_topic, login.row.group())
    assert next_word(reading) == "message"
    reading.commit(asynchronous=False)

    eventually(lambda: look(browser, login, topic=still_topic) == ["QUIET"])
    reading.close()


def test_a_consumer_that_is_gone_is_waited_for_where_it_was(bell, owl, browser):
    login = granted(bell, owl)
    reading = login.consumer(TOPIC, login.row.group())
    assert next_word(reading) == "message"
    reading.close()

    answer = browser.get("/check/waiting", {"credential": login.row.pk, "topic": TOPIC})
    assert "was here, and is gone" in answer.content.decode()


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"topic": "ztf_20260101_programid1"}, "TOPIC"),
        ({"topic": "babamul.ztf.tset"}, "TOPIC"),
        ({"group": "babamul-myapp"}, "GROUP"),
        ({"username": "babamul-somebody"}, "PASSWORD"),
    ],
)
def test_what_was_typed_wrongly_is_named(bell, owl, browser, asked, name):
    assert look(browser, granted(bell, owl), **asked) == [name]


def test_the_nearest_topic_is_told(bell, owl, browser):
    login = granted(bell, owl)
    asked = {"credential": login.row.pk, "topic": "babamul.ztf-tset"}

    assert (
        "nearest name is babamul.ztf-test" in browser.get("/check/waiting", asked).content.decode()
    )


def test_an_address_in_other_letters_is_named(bell, owl, browser):
    login = granted(bell, owl, "email")

    assert look(browser, login, username=owl.email.upper()) == ["CASE"]


@pytest.mark.parametrize(
    ("act", "name"), [("revoke_all", "REVOKED"), ("suspend_all", "NOT_ACTIVE")]
)
def test_a_credential_that_is_not_active_is_named(bell, owl, browser, act, name):
    login = granted(bell, owl)
    with transaction.atomic():
        getattr(credentials, act)(owl)

    assert look(browser, login) == [name]


def test_a_right_password_is_told_from_a_wrong_one(bell, owl, browser):
    login = granted(bell, owl)

    assert try_password(browser, login, login.password) == "OK"
    assert try_password(browser, login, "wrong-password") == "PASSWORD"


@pytest.mark.parametrize("password", ["", " ", "x" * 5000])
def test_what_is_no_password_is_refused_before_kafka_is_asked(bell, owl, browser, password):
    login = granted(bell, owl)

    answer = browser.post(
        "/check/password", {"credential": login.row.pk, "topic": TOPIC, "password": password}
    )

    assert answer.status_code == 400
    assert "password" in answer.json()["errors"]


def test_a_password_of_a_revoked_credential_is_told_as_such(bell, owl, browser):
    login = granted(bell, owl)
    with transaction.atomic():
        credentials.revoke(login.row)
    bell.answer()

    assert try_password(browser, login, login.password) == "REVOKED"


def test_nobody_looks_at_anothers_credential(bell, make_person, browser):
    theirs = granted(bell, make_person())

    assert browser.get("/check/waiting", {"credential": theirs.row.pk}).status_code == 404


def test_the_page_shows_the_groups_of_a_named_credential(bell, owl, browser):
    login = granted(bell, owl)
    reading = login.consumer(TOPIC, f"{login.row.principal}-client-1")
    assert next_word(reading) == "message"
    reading.close()

    page = browser.get("/check").content.decode()
    assert f"{login.row.principal}-client-1" in page


def test_a_groups_lag_is_what_it_has_not_read(bell, owl):
    login = granted(bell, owl)
    name = f"{login.row.principal}-slow"
    reading = login.consumer(TOPIC, name, **{"enable.auto.commit": False})
    message = None
    while message is None or message.error():
        message = reading.poll(1.0)
    reading.commit(message, asynchronous=False)

    seen = group(name, connection_groups.kept_ms())
    assert seen.lag == seen.ends[TOPIC, 0] - message.offset() - 1
    assert [member.partitions for member in seen.members] == [((TOPIC, 0),)]
    reading.close()


def script(servers, username, password, tmp_path):
    """Run the download as a person would."""
    file = tmp_path / "check_babamul.py"
    file.write_text(Client(headers={"host": "localhost"}).get("/check/script").content.decode())
    done = subprocess.run(
        [sys.executable, str(file)],
        env={
            "PATH": inherited()["PATH"],
            "BABAMUL_KAFKA_SERVER": servers,
            "BABAMUL_KAFKA_USERNAME": username,
            "BABAMUL_KAFKA_PASSWORD": password,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr.partition(":")[0]


def test_the_script_names_what_it_finds(bell, owl, tmp_path, browser):
    login, servers = granted(bell, owl), config().kafka.public_servers
    who = (login.row.principal, login.password)

    assert script(servers, *who, tmp_path) == "OK"
    assert script(servers, who[0], "wrong", tmp_path) == "PASSWORD"
    assert script("no-such-host.invalid:9093", *who, tmp_path) == "NAME"
    assert script("127.0.0.1:1", *who, tmp_path) == "PORT"


def test_the_script_is_short(browser):
    text = browser.get("/check/script").content.decode()

    assert len(text.splitlines()) <= 60
    assert "{{" not in text
    compile(text, "check_babamul.py", "exec")
