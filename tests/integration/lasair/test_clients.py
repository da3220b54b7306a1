"""The published clients ``lasair`` and ``alerce``, unmodified, on our Kafka and our stand-in."""

import gzip
import json
import subprocess
import uuid
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice

import pytest
from astropy.io import fits
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from broker import kafka as wire
from broker import kafka_admin
from broker.config import config
from broker.kafka_admin import TopicSpec, ensure_topics
from broker.kafka_types import Message, Packet
from pipeline import bootstrap
from pipeline.alerts import selecting
from pipeline.alerts.selected_messages import messages
from pipeline.alerts.tables import OUTPUT_SELECTED_JSON
from pipeline.bootstrap import LASAIR_PREFIX
from pipeline.simulate import lasair
from pipeline.simulate.alerce import StandIn
from pipeline.simulate.serving import running
from pipeline.surveys import survey as survey_named
from tests.client_environment import PROGRAMS, ClientEnvironment
from tests.environment import of_a_stranger
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

CLIENTS = ClientEnvironment("lasair-0.1.4-alerce-2.3.1", "lasair.lock")
LIMIT_S = 300
DAY_MS = 86_400_000
COUNT = 5
SENT_AT = datetime(2026, 11, 21, 6, 7, 8, tzinfo=UTC)


def run(program: str, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(CLIENTS.installed()), str(PROGRAMS / program), *words],
        env=of_a_stranger(**settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def alerce_config(url: str) -> dict:
    """Return the client's own settings, with every address ours."""
    return {
        "multisurvey": {
            "URL_MS": f"{url}/",
            "ROUTES_MS": {"detections": "lightcurve_api/detections"},
        },
        "ztf": {
            "ZTF_API_URL": url,
            "ZTF_ROUTES": {"detections": "/ztf/v1/objects/%s/detections"},
        },
        "stamps": {
            "STAMP_URL": f"{url}/stamps_api",
            "AVRO_ROUTES": {"get_stamp": "/stamp", "get_avro": "/get_avro"},
        },
        "stamps_ztf": {
            "AVRO_URL": url,
            "AVRO_ROUTES": {"get_stamp": "/get_stamp", "get_avro": "/get_avro"},
        },
    }


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_alerces_client_gets_the_images_of_a_detection(tmp_path, survey):
    one = lasair.objects(survey)[1]
    shown = one.detections(datetime.now(UTC).date())[-1]
    path = tmp_path / "alerce.json"

    with running(StandIn(lasair.find)) as standin:
        path.write_text(json.dumps(alerce_config(standin.url)))
        done = run("get_stamps.py", survey, one.id, str(shown.id), ALERCE_CONFIG_PATH=str(path))

    assert done.returncode == 0, done.stderr
    pixels = [fits.getdata(BytesIO(lasair_fits(shown, kind))) for kind in shown.images]
    expected = [[list(each.shape), pytest.approx(float(each.sum()), rel=1e-5)] for each in pixels]
    assert json.loads(done.stdout) == expected


def lasair_fits(shown, kind: str) -> bytes:
    return gzip.decompress(shown.images[kind])


@pytest.fixture
def topic(kafka) -> str:
    """A filter's topic of this test's own, with messages, on the listener without a login."""
    name = f"{LASAIR_PREFIX}{uuid.uuid4().hex[:12]}"
    ensure_topics([TopicSpec(name, 1, DAY_MS)])
    kafka_admin.ensure_acls(kafka_admin.anonymous_rights(LASAIR_PREFIX))
    values = islice(lasair.messages(lasair.BRIGHT, datetime.now(UTC)), COUNT)
    messages = [Message(name, None, value, []) for value in values]
    assert set(wire.Producer(wire.own_connection("admin")).send(messages)) == {None}
    return name


def plain_server() -> str:
    return f"127.0.0.1:{config().kafka.lasair_port}"


def group() -> str:
    return f"{LASAIR_PREFIX}{uuid.uuid4().hex[:12]}"


def test_lasairs_client_reads_a_filters_topic(topic):
    done = run("read_filter.py", plain_server(), group(), topic, str(COUNT))

    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["objectId"] for line in done.stdout.splitlines()]
    assert found == [one.id for one in lasair.objects("ztf")[:COUNT]]


@pytest.fixture
def own_topic(kafka, set_up) -> str:
    """The topic of our own filter's JSON, with one selected alert, sent with our pipeline's rights."""
    name = f"{LASAIR_PREFIX}{uuid.uuid4().hex[:12]}"
    extendedness = {"lasair": True, "lasair_topic": name, "require_sssource": "any"}
    set_up(**{f"selected__extendedness__{each}": value for each, value in extendedness.items()})
    [spec] = [each for each in bootstrap.selected_topics(config()) if each.name == name]
    ensure_topics([spec])
    rights = [each for each in bootstrap.service_acls(config()) if each.name == name]
    kafka_admin.ensure_acls([*rights, *kafka_admin.anonymous_rights(LASAIR_PREFIX)])
    survey, settings = survey_named("lsst"), config().selected
    batch, _ = survey.decode([Packet(0, 0, packet(alert({"extendedness": 0.5, "ssObjectId": 9})))])
    selection = selecting.select(batch, settings)
    row = {
        "candid": 2**60 + 1,
        "name": "sso9",
        "kafka_timestamp": SENT_AT,
        "pending": int(selection.bits[0]) & OUTPUT_SELECTED_JSON,
    }
    sent = [message for _, message in messages("lsst", row, selection.chosen[0])]
    assert wire.Producer(wire.own_connection()).send(sent) == [None]
    return name


def test_lasairs_client_reads_what_our_own_filter_selects(own_topic):
    done = run("read_filter.py", plain_server(), group(), own_topic, "1")

    assert done.returncode == 0, done.stderr
    [found] = map(json.loads, done.stdout.splitlines())
    assert (found["objectId"], found["ssObjectId"]) == ("sso9", 9)
    assert (found["extendedness_median"], found["UTC"]) == (0.5, "2026-11-21 06:07:08")


@pytest.mark.parametrize("refused", ["group", "topic"])
def test_without_a_login_nothing_else_is_read(topic, make_topic, refused):
    other = make_topic()
    wanted = (f"other-{group()}", topic) if refused == "group" else (group(), other)

    done = run("read_filter.py", plain_server(), *wanted, "1")

    assert done.returncode == 1
    assert "authoriz" in done.stderr.lower()


def test_without_a_login_nothing_is_written_made_or_listed(topic, make_topic):
    hidden = make_topic()
    nobody = {"bootstrap.servers": plain_server(), "log_level": 0}
    refusals = []
    producer = Producer(nobody | {"delivery.timeout.ms": 5000})
    producer.produce(topic, b"x", on_delivery=lambda error, _: refusals.append(error))
    producer.flush(20)
    admin = AdminClient(nobody)

    [made] = admin.create_topics([NewTopic(f"{LASAIR_PREFIX}new", 1, 1)]).values()
    with pytest.raises(KafkaException, match=r"(?i)authoriz"):
        made.result(20)
    assert [error.code() for error in refusals] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    listed = admin.list_topics(timeout=20).topics
    assert topic in listed
    assert hidden not in listed
