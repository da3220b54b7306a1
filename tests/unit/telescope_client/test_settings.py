"""What producers and consumers are made with: what is wrong is named before Kafka is asked."""

import asyncio

import pytest
from nightjar_telescope import (
    KafkaAvroConsumer,
    KafkaAvroProducer,
    Login,
    UnavailableError,
    connection,
)
from nightjar_telescope.connection import Connection
from nightjar_telescope.login import application_of
from nightjar_telescope.messages import TelescopeCommand, TelescopeData, TelescopeStatus

NOWHERE = "127.0.0.1:9", "http://127.0.0.1:9"


def test_several_servers_are_one_setting_and_the_login_is_passed_on():
    found = Connection(["a:1", "b:2"], "me", {"sasl.username": "owl", "ssl.ca.location": "x"})

    assert found.settings["bootstrap.servers"] == "a:1,b:2"
    assert found.settings["sasl.username"] == "owl"
    assert found.settings["client.id"] == "me"


@pytest.mark.parametrize("name", ["acks", "group.id", "enable.auto.commit", "username"])
def test_what_is_no_login_is_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"security: {name}: only names"):
        KafkaAvroProducer(*NOWHERE, "t", TelescopeData, security={name: "x"})


@pytest.mark.parametrize(
    ("username", "group", "application"),
    [
        ("tca.robotics", "tca.robotics-1", "robotics"),
        ("telescope-data-handler", "telescope-data-handler-1", "telescope-data-handler"),
        ("tca.handler-2", "tca.handler-2-1", "handler-2"),
        (None, "tca.robotics-12", "robotics"),
        (None, "telescope-robotics", "telescope-robotics"),
    ],
)
def test_who_answers_is_the_application_of_the_login(username, group, application):
    assert application_of({"sasl.username": username} if username else None, group) == application


def test_a_topic_that_does_not_tell_where_answers_go_is_refused():
    with pytest.raises(ValueError, match=r"topic orders: .*refuse_expired=False"):
        KafkaAvroConsumer(*NOWHERE, "orders", "g", TelescopeCommand)

    KafkaAvroConsumer(*NOWHERE, "orders", "g", TelescopeCommand, refuse_expired=False)
    KafkaAvroConsumer(*NOWHERE, ["telescope.commands"], "g", TelescopeCommand)


@pytest.mark.parametrize(
    ("kind", "asked", "start"),
    [
        (TelescopeCommand, "latest", "earliest"),
        (TelescopeStatus, "latest", "latest"),
        (TelescopeStatus, "earliest", "earliest"),
    ],
)
def test_a_new_group_reads_all_commands_whatever_was_asked_for(kind, asked, start):
    consumer = KafkaAvroConsumer(*NOWHERE, "t.commands", "g", kind, auto_offset_reset=asked)

    reader = consumer._new_reader()

    assert reader._settings["auto.offset.reset"] == start
    assert reader._settings["enable.auto.offset.store"] is False


def test_the_fields_arguments_have_their_places():
    consumer = KafkaAvroConsumer(
        *NOWHERE, ["a", "b"], "g", TelescopeStatus, "me", "earliest", False, 7
    )
    producer = KafkaAvroProducer(*NOWHERE, "t", TelescopeStatus, "me", "lz4", 1000, 5)

    settings = consumer._new_reader()._settings
    assert consumer.topics == ["a", "b"]
    assert settings["client.id"] == "me"
    assert settings["enable.auto.commit"] is False
    assert consumer._max_poll_records == 7
    assert producer._settings["compression.type"] == "lz4"
    assert producer._settings["batch.size"] == 1000
    assert producer._settings["linger.ms"] == 5
    assert producer._settings["enable.idempotence"] is True


def test_without_kafka_a_consumers_start_fails_by_name(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_S", 0.0)

    with pytest.raises(UnavailableError, match=r"Kafka 127\.0\.0\.1:9"):
        asyncio.run(KafkaAvroConsumer(*NOWHERE, "t", "g", TelescopeStatus).start())


def test_an_address_that_is_none_is_named_before_anything_is_opened():
    consumer = KafkaAvroConsumer("127.0.0.1:9", "localhost:8081", "t", "g", TelescopeStatus)

    with pytest.raises(ValueError, match="localhost:8081"):
        asyncio.run(consumer.start())


def test_what_is_not_started_says_so():
    consumer = KafkaAvroConsumer(*NOWHERE, "t", "g", TelescopeStatus)

    for call in (consumer.poll, consumer.commit, consumer.seek_to_end, consumer.seek_to_beginning):
        with pytest.raises(RuntimeError, match="not started"):
            asyncio.run(call())
    asyncio.run(consumer.stop())


FILE = """# of tca
bootstrap.servers = localhost:9093

security.protocol=SASL_PLAINTEXT
sasl.password=a=b#c
group.id=tca.robotics
"""


def test_a_login_is_read_from_its_file(tmp_path):
    path = tmp_path / "robotics.properties"
    path.write_text(FILE)

    found = Login.read(path)

    assert (found.bootstrap_servers, found.group_id) == ("localhost:9093", "tca.robotics")
    assert found.security == {"security.protocol": "SASL_PLAINTEXT", "sasl.password": "a=b#c"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bootstrap.servers=x\nnonsense\n", "line 2: no name=value"),
        ("bootstrap.servers=x\n", "group.id missing"),
        ("group.id=\n", "bootstrap.servers and group.id missing"),
    ],
    ids=["no line", "no group", "empty"],
)
def test_a_file_that_is_no_login_is_named(tmp_path, text, says):
    path = tmp_path / "robotics.properties"
    path.write_text(text)

    with pytest.raises(ValueError, match=f"robotics.properties.*{says}") as caught:
        Login.read(path)

    assert "nonsense" not in str(caught.value)  # it may be half a password
