"""Kafka Connect as it ships, on real Kafka, registry and Postgres: pytest -m connect (minutes)."""

import asyncio
import json
import os
import urllib.request

import pytest
from confluent_kafka import Consumer, TopicPartition
from nightjar_telescope import TelescopeData, TelescopeStatus
from nightjar_telescope.avro import frame

from broker import kafka_admin
from broker.config import ROOT, build, config
from broker.kafka import own_connection
from compose.native import outside
from pipeline import bootstrap
from pipeline.telescope import connector
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.consumers import next_word
from tests.integration.connect.world import Sink, anew, rows, run, secrets
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_client.world import Bus, login, register_schema
from tests.integration.telescope_data.world import DataTopic, piece, register, unchecked

pytestmark = [pytest.mark.connect, pytest.mark.integration, pytest.mark.xdist_group("connect")]

FAR_ID = 2**31 - 7
"""An id that no registry has given."""


@pytest.fixture
def sink(kafka, real_registry, set_up, tmp_path):
    """Two telescopes, the table as the field made it, and a worker that has nothing to do yet."""
    names = word(), word()
    set_up(telescopes=records(*names))
    native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
    native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
    found = [telescope(name) for name in names]
    for each in found:
        register(each.data)
    anew(kafka.postgres_url)
    kafka.native.must("up", "connect")
    yield (sink := Sink(kafka, tmp_path, found))
    sink.remove()


@pytest.fixture
def url(sink):
    return sink.parts.postgres_url


def send(sink, *messages, at=0):
    """Send data as an application at a telescope does."""

    async def story():
        bus = Bus(sink.telescopes[at].prefix)
        async with bus.producer(TelescopeData, security=login("admin")) as producer:
            await producer.send_batch([(message, message.data_id) for message in messages])

    asyncio.run(story())


def pieces(sink, count, at=0):
    name = sink.telescopes[at].name
    return [piece(f"{name}-{n}", n, os.urandom(500)) for n in range(count)]


def deployed(sink):
    done = sink.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def payloads(url):
    return {data_id: row.data for data_id, row in rows(url).items()}


def buried(sink):
    """Return what lies on the topic of what the connector could not read."""
    consumer = Consumer(own_connection("admin") | {"group.id": "nightjar-buried"})
    place = TopicPartition(sink.telescopes[0].data_dlq, 0, 0)
    _, high = consumer.get_watermark_offsets(place, 10)
    consumer.assign([place])
    found = consumer.consume(high, 20) if high else []
    consumer.close()
    assert len(found) == high
    return found


def test_data_of_every_telescope_fill_the_fields_own_table(sink, url):
    mine, others = pieces(sink, 3), pieces(sink, 2, at=1)
    mine.append(piece(f"{sink.telescopes[0].name}-null", 3, None))
    send(sink, *mine)
    deployed(sink)

    send(sink, *others, at=1)

    sink.wait(lambda: len(rows(url)) == 6, "the sixth row")
    assert payloads(url) == {one.data_id: one.data_payload for one in (*mine, *others)}
    row = rows(url)[mine[2].data_id]
    assert (row.observation_id, row.sequence_number, row.timestamp) == (
        mine[2].observation_id,
        2,
        mine[2].timestamp,
    )
    assert (row.processed, row.processing_pipeline_version) == (False, None)
    assert row.sink_timestamp is not None


def test_what_kafka_hands_out_again_makes_no_second_row_and_leaves_what_others_set(sink, url):
    sent = pieces(sink, 20)
    send(sink, *sent)
    deployed(sink)
    sink.wait_until_read()
    run(url, "UPDATE telescope_data_raw SET processed = true, processing_pipeline_version = '2'")

    send(sink, *sent[:5])
    sink.replay()

    sink.wait_until_read()
    assert sink.states()[0] == "RUNNING"
    assert payloads(url) == {one.data_id: one.data_payload for one in sent}
    assert {(row.processed, row.processing_pipeline_version) for row in rows(url).values()} == {
        (True, "2")
    }
    assert buried(sink) == []


def test_what_cannot_be_read_is_buried_with_its_reason_and_its_neighbours_are_stored(sink, url):
    telescope, good = sink.telescopes[0], pieces(sink, 2)
    topic = DataTopic(telescope, register(telescope.data))
    status = TelescopeStatus("status-1", 1, "robotics", component="mount")
    bad = [
        b"garbage",
        b"\x07" + frame(topic.schema_id, good[0])[1:],
        frame(FAR_ID, good[0]),
        frame(register_schema(TelescopeStatus, telescope.status), status),
    ]
    deployed(sink)

    topic.write([frame(topic.schema_id, good[0]), *bad, None, frame(topic.schema_id, good[1])])

    sink.wait(lambda: len(rows(url)) == 2, "the second good one")
    assert payloads(url) == {one.data_id: one.data_payload for one in good}
    sink.wait(lambda: len(buried(sink)) >= len(bad), "the last bad one")
    found = buried(sink)
    assert [message.value() for message in found] == bad
    headers = [dict(message.headers()) for message in found]
    assert {each["__connect.errors.topic"].decode() for each in headers} == {telescope.data}
    assert [each["__connect.errors.offset"] for each in headers] == [b"1", b"2", b"3", b"4"]
    assert all(each["__connect.errors.exception.message"] for each in headers)
    assert set(sink.states()) == {"RUNNING"}


def test_a_worker_that_is_killed_costs_no_row_and_makes_none_twice(sink, url):
    deployed(sink)
    topic = DataTopic(sink.telescopes[0], register(sink.telescopes[0].data))
    sent = pieces(sink, 5000)
    topic.send(*sent)
    sink.wait(lambda: rows(url), "the first rows")

    sink.parts.native.kill("connect")
    sink.parts.native.must("up", "connect")

    sink.wait(lambda: len(rows(url)) == 5000, "the last row")
    assert payloads(url) == {one.data_id: one.data_payload for one in sent}


def test_no_password_is_shown_and_none_stands_in_a_file_that_ships(sink):
    deployed(sink)
    folder = ROOT / "compose" / "connect"
    shipped = [path.read_text() for path in folder.iterdir() if path.is_file()]
    with urllib.request.urlopen(f"{sink.url}/connectors?expand=info&expand=status") as reply:
        shown = reply.read().decode()

    assert "${env:CONNECT_SECRET_POSTGRES}" in shown
    assert not [one for one in secrets(sink.parts) for text in (*shipped, shown) if one in text]


def test_the_workers_login_reaches_nothing_but_data(sink):
    first, second = sink.telescopes
    principal = {
        "sasl.username": "connect",
        "sasl.password": password_of_connect(sink),
        "group.id": f"connect-{connector.NAME}",
        "auto.offset.reset": "earliest",
    }
    send(sink, piece(f"{second.name}-1"), at=1)
    refused = {}
    for topic in (first.commands, first.status, second.acknowledgments, second.data):
        reading = Consumer(own_connection("admin") | principal)
        reading.subscribe([topic])
        refused[topic] = next_word(reading)
        reading.close()

    denied = "TOPIC_AUTHORIZATION_FAILED"
    assert refused == {
        first.commands: denied,
        first.status: denied,
        second.acknowledgments: denied,
        second.data: "message",
    }


def password_of_connect(sink):
    lines = (sink.parts.native.home.path / "secrets.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)["KAFKA_CONNECT_PASSWORD"]


def test_doctor_names_what_is_wrong_and_a_file_that_is_none_is_refused(sink, url):
    names = [each.name for each in sink.telescopes]

    def doctor(*more):
        return outside.kafka_connect(
            build(
                {
                    "NIGHTJAR_TELESCOPE__CONNECT_URL": sink.url,
                    "NIGHTJAR_TELESCOPES": records(*names, *more),
                }
            )
        )

    deployed(sink)
    assert doctor().is_met, doctor().text
    assert doctor().text.endswith("the connector RUNNING, task 0 RUNNING, task 1 RUNNING")
    assert "does not read telescope.zzz.data" in doctor("zzz").text

    no_class = sink.folder / "none.json"
    no_class.write_text(json.dumps({"name": connector.NAME, "config": {"topics": "x"}}))
    refused = sink.deploy(str(no_class))
    assert refused.returncode == 1
    assert f"{connector.NAME} was refused" in refused.stderr

    topic = DataTopic(sink.telescopes[0], register(sink.telescopes[0].data))
    huge = piece(f"{names[0]}-huge", 2**31)
    topic.write([unchecked(topic.schema_id, huge)])
    sink.wait(lambda: "FAILED" in sink.states(), "the end of the task")
    said = doctor()
    assert not said.is_met
    assert "failed: " in said.text
    assert "restart?includeTasks=true&onlyFailed=true" in said.text
    assert sink.deploy().returncode == 1

    good = piece(f"{names[0]}-good", 1)
    send(sink, good)
    sink.pass_over(sink.telescopes[0].data, 0)
    sink.wait(lambda: good.data_id in rows(url), "the message behind it")
    assert doctor().is_met, doctor().text

    sink.ask("DELETE", "")
    assert "has no postgres-telescope-data-sink: compose/connect/deploy" in doctor().text
