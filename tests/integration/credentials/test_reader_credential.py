"""``manage.py reader_credential``: what its login opens, and what it does not."""

import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts import credentials, reconcile
from accounts.models import KafkaCredential
from broker import kafka_admin
from broker.kafka import Message, Producer, own_connection
from tests.consumers import consumer, next_word
from tests.integration.credentials.conftest import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def topic(make_topic, bell, make_person):
    """A topic of ours with one message, which no account may read."""
    name = make_topic()
    producer = Producer(own_connection())
    eventually(lambda: producer.send([Message(name, b"1", b"packet", [])]) == [None])
    return name


@pytest.fixture
def name():
    return f"lab-{uuid.uuid4().hex[:8]}"


def made(capsys, *words):
    """Run the command; return the settings of a client that it prints."""
    capsys.readouterr()
    call_command("reader_credential", *words)
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split("=", 1) for line in lines)


def reading(login, topic, group=""):
    servers = login["bootstrap.servers"]
    found = consumer(
        login["sasl.username"], login["sasl.password"], servers, group or login["group.id"]
    )
    found.subscribe([topic])
    return found


def word(login, topic, group=""):
    found = reading(login, topic, group)
    try:
        return next_word(found)
    finally:
        found.close()


def test_it_reads_its_topic_in_its_own_groups_and_nothing_else(topic, name, capsys):
    login = made(capsys, name, "--topic", topic)

    assert login["sasl.username"] == f"reader-{name}"
    assert word(login, topic) == "message"
    assert word(login, topic, "babamul-mine") == "GROUP_AUTHORIZATION_FAILED"
    assert word(login, "babamul.ztf-test") == "TOPIC_AUTHORIZATION_FAILED"
    assert kafka_admin.listed_rights(login["sasl.username"])[login["sasl.username"]] == [
        f"DESCRIBE topic {topic}",
        f"READ group reader-{name}-*",
        f"READ topic {topic}",
    ]
    assert KafkaCredential.objects.get().secret_encrypted is None


def test_rotation_ends_the_old_password_and_may_change_the_topics(topic, make_topic, name, capsys):
    other = make_topic()
    old = made(capsys, name, "--topic", topic)
    new = made(capsys, name, "--rotate")
    assert old["sasl.password"] != new["sasl.password"]
    assert word(new, topic) == "message"
    servers = old["bootstrap.servers"]
    tried = kafka_admin.try_login(old["sasl.username"], old["sasl.password"], servers)
    assert tried is kafka_admin.LoginOutcome.REFUSED

    changed = made(capsys, name, "--rotate", "--topic", other)

    assert word(changed, topic) == "TOPIC_AUTHORIZATION_FAILED"
    assert KafkaCredential.objects.count() == 1


def test_revocation_stops_whoever_reads(topic, name, capsys):
    login = made(capsys, name, "--topic", topic)
    running = reading(login, topic)
    assert next_word(running) == "message"

    made(capsys, name, "--revoke")

    assert next_word(running) == "TOPIC_AUTHORIZATION_FAILED"
    running.close()
    assert not kafka_admin.has_secret(login["sasl.username"])
    with pytest.raises(CommandError, match="there is no reader-"):
        call_command("reader_credential", name, "--revoke")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["lab", "--topic", "lsst-extendedness-filterd"],
            "no topic lsst-extendedness-filterd; the",
        ),
        (["lab"], "Say --topic"),
        (["Lab!", "--topic", "x"], "no name of a reader"),
        (["lab", "--rotate"], "there is no reader-lab; there are: none"),
    ],
    ids=["unknown topic", "no topic", "bad name", "nothing to rotate"],
)
def test_what_is_wrong_is_said_and_nothing_is_made(topic, words, said):
    with pytest.raises(CommandError, match=said):
        call_command("reader_credential", *words)

    assert not KafkaCredential.objects.exists()


def test_a_second_reader_of_a_name_is_refused_with_the_ways_on(topic, name, capsys):
    made(capsys, name, "--topic", topic)

    with pytest.raises(CommandError, match=f"reads {topic}: --rotate"):
        call_command("reader_credential", name, "--topic", topic)


def test_rights_that_were_changed_behind_our_back_are_made_right(topic, name, capsys, monkeypatch):
    monkeypatch.setattr(reconcile, "_is_older", lambda _row, _moment: True)
    monkeypatch.setattr(reconcile, "is_persons", lambda _: False)  # other tests' are let be
    monkeypatch.setattr(reconcile, "group_names", lambda _: [])
    principal = made(capsys, name, "--topic", topic)["sasl.username"]
    before = kafka_admin.listed_rights(principal)
    stolen = kafka_admin.Acl(
        principal, "topic", "babamul.", is_prefix=True, operations=("READ", "WRITE")
    )
    kafka_admin.ensure_acls([stolen])

    reconcile.reconcile()

    eventually(lambda: kafka_admin.listed_rights(principal) == before)


def test_no_service_takes_a_persons_name(bell, owl):
    with pytest.raises(credentials.CredentialError, match="no name"), transaction.atomic():
        credentials.want_service(owl.email, "x-", [], "secret")


def test_a_row_is_a_persons_or_a_services(bell, owl):
    row = {"name": "x", "principal": "x", "group_prefix": "x-"}
    for wrong in ({"kind": "service", "user": owl, "rights": []}, {"kind": "named", "user": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            KafkaCredential.objects.create(**row, **wrong)
