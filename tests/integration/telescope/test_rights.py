"""Two telescopes on one broker: each obeys its own commands, and reaches nothing of the other."""

import json
from io import StringIO

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from django.core.management import CommandError, call_command

from broker import kafka, kafka_admin
from broker.config import config
from broker.kafka_connection import admin_client
from broker.kafka_types import Message
from broker.sections.telescope import BEAM
from pipeline import bootstrap
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.consumers import consumer, login, next_word
from tests.integration.credentials.conftest import eventually
from tests.integration.telescope.conftest import records, word

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]
DENIED = "TOPIC_AUTHORIZATION_FAILED"


def given(telescope, application, *more):
    """Run the command; return the settings of a client that it prints."""
    out = StringIO()
    call_command(
        "telescope_credential", telescope.name, application, *more, stdout=out, stderr=StringIO()
    )
    return dict(line.split("=", 1) for line in out.getvalue().splitlines())


def reads(known, topic, group=""):
    """Return ``message``, or the name of the error, that reading a topic ends with."""
    found = consumer(
        known["sasl.username"],
        known["sasl.password"],
        known["bootstrap.servers"],
        group or known["group.id"],
    )
    found.subscribe([topic])
    try:
        return next_word(found)
    finally:
        found.close()


def writes(known, topic):
    """Return ``written``, or the name of the error, that writing to a topic ends with."""
    settings = login(known["sasl.username"], known["sasl.password"], known["bootstrap.servers"])
    told = []
    client = Producer({**settings, "message.timeout.ms": 60_000})
    try:
        client.produce(topic, b"x", on_delivery=lambda error, _: told.append(error))
        client.flush(90)
    except KafkaException as error:
        told.append(error.args[0])
    return told[0].name() if told and told[0] else "written"


def fill(*topics):
    """Put one message into each topic."""
    producer = kafka.Producer(kafka.own_connection("admin"))
    messages = [Message(topic, b"k", b"v", []) for topic in topics]
    eventually(lambda: producer.send(messages) == [None] * len(messages))


@pytest.fixture
def taken(transactional_db):
    """Take every login that a test gave."""
    from accounts.models import KafkaCredential

    yield
    for principal in KafkaCredential.objects.values_list("principal", flat=True):
        kafka_admin.revoke(principal)


def test_two_telescopes_do_not_reach_each_other(two, taken):
    mine, others = two
    fill(mine.commands, others.commands)
    robotics = given(mine, "telescope-robotics")
    handler = given(mine, "telescope-data-handler")

    assert robotics["sasl.username"] == f"{mine.name}.telescope-robotics"
    assert reads(robotics, mine.commands) == "message"
    assert reads(robotics, mine.commands, robotics["sasl.username"]) == "message"
    assert [writes(robotics, topic) for topic in (mine.acknowledgments, mine.status)] == [
        "written",
        "written",
    ]
    assert writes(handler, mine.data) == "written"

    assert writes(robotics, mine.data) == DENIED
    assert writes(robotics, mine.commands) == DENIED
    assert reads(robotics, mine.acknowledgments) == DENIED
    for denied in (others.commands, others.status, "babamul.ztf-test"):
        assert reads(robotics, denied) == DENIED
    for denied in (others.acknowledgments, others.status, others.data, others.commands):
        assert writes(handler, denied) == DENIED
    assert reads(robotics, mine.commands, "nightjar-telescope") == "GROUP_AUTHORIZATION_FAILED"
    assert reads(robotics, mine.commands, handler["group.id"]) == "GROUP_AUTHORIZATION_FAILED"


@pytest.fixture
def beside_beam(kafka, set_up):
    """BEAM, whose topics begin with ``telescope.`` alone, and one whose topics have a word more."""
    name = word()
    set_up(telescopes=json.dumps({"beam": BEAM.model_dump()} | json.loads(records(name))))
    native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
    native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
    return telescope("beam"), telescope(name)


def test_the_telescope_whose_topics_begin_all_others_reaches_none_of_them(beside_beam, taken):
    beam, other = beside_beam
    fill(beam.commands, other.commands)
    robotics = given(beam, "telescope-robotics")
    handler = given(beam, "telescope-data-handler")
    neighbour = given(other, "telescope-data-handler")

    assert robotics["sasl.username"] == "telescope-robotics"
    assert reads(robotics, beam.commands) == "message"
    assert writes(handler, beam.data) == "written"
    assert reads(robotics, other.commands) == DENIED
    written = (other.commands, other.acknowledgments, other.status, other.data, other.data_dlq)
    assert {writes(handler, topic) for topic in written} == {DENIED}
    assert reads(neighbour, other.commands) == "message"
    assert reads(neighbour, beam.commands) == DENIED
    written = (beam.commands, beam.acknowledgments, beam.status, beam.data, beam.data_dlq)
    assert {writes(neighbour, topic) for topic in written} == {DENIED}
    assert reads(neighbour, other.commands, handler["group.id"]) == "GROUP_AUTHORIZATION_FAILED"
    assert reads(handler, beam.commands, neighbour["group.id"]) == "GROUP_AUTHORIZATION_FAILED"


def test_a_monitor_reads_all_of_one_telescope_and_writes_nothing(two, taken):
    mine, others = two
    topics = (mine.commands, mine.acknowledgments, mine.data, mine.status)
    fill(*topics, others.status)

    monitor = given(mine, "monitor-wall")

    assert {reads(monitor, topic) for topic in topics} == {"message"}
    assert reads(monitor, others.status) == DENIED
    assert writes(monitor, mine.commands) == DENIED


def test_a_person_reads_nothing_of_a_telescope(two):
    mine, _ = two
    fill(mine.status, mine.data)
    name, password = f"owl+{mine.name}@example.org", "0123456789abcdef"
    kafka_admin.grant_reader(name, password, "babamul-")
    servers = config().kafka.public_servers
    assert kafka_admin.probe_login(name, password, servers)
    person = {
        "sasl.username": name,
        "sasl.password": password,
        "bootstrap.servers": servers,
        "group.id": "babamul-owl",
    }

    assert {reads(person, topic) for topic in (mine.status, mine.data, mine.commands)} == {DENIED}
    assert writes(person, mine.commands) == DENIED
    kafka_admin.revoke(name)


def test_a_login_is_rotated_and_revoked_and_an_unknown_one_is_said(two, taken):
    mine, _ = two
    old = given(mine, "telescope-robotics")
    with pytest.raises(CommandError, match="--rotate draws another password"):
        given(mine, "telescope-robotics")
    new = given(mine, "telescope-robotics", "--rotate")
    assert old["sasl.password"] != new["sasl.password"]

    given(mine, "telescope-robotics", "--revoke")

    assert not kafka_admin.has_secret(new["sasl.username"])
    for words, said in (
        ((mine.name, "dome"), "has no application 'dome'; it has: telescope-robotics"),
        (("nowhere", "telescope-robotics"), "no telescope 'nowhere'; known:"),
        ((mine.name, "monitor-A"), "no name of a monitor"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("telescope_credential", *words)


def test_topics_are_made_once_and_a_changed_one_is_repaired_and_named(two):
    mine, _ = two
    specs = telescope_topics(config())
    eventually(lambda: kafka_admin.ensure_topics(specs) == [])
    spec = next(one for one in specs if one.name == mine.status)
    changed = [kafka_admin.TopicSpec(spec.name, 1, 1000, {"compression.type": "gzip"})]
    kafka_admin.ensure_topics(changed)

    out = StringIO()
    call_command("create_topics", stdout=out)

    lines = [line for line in out.getvalue().splitlines() if mine.status in line]
    assert sorted(lines) == [
        f"{mine.status}: compression.type gzip → snappy",
        f"{mine.status}: retention.ms 1000 → 259200000",
    ]
    eventually(lambda: kafka_admin.ensure_topics(specs) == [])


def test_commands_in_several_partitions_are_refused(two):
    mine, _ = two
    admin: AdminClient = admin_client()
    for future in admin.create_partitions([NewPartitions(mine.commands, 2)]).values():
        future.result(30)

    with pytest.raises(CommandError, match=f"{mine.commands} has 2 partitions, so a cancel could"):
        call_command("create_topics", stdout=StringIO())
