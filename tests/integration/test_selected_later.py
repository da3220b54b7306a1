"""Selected alerts that no range has sent: read back from the archive, or waiting until they can be."""

import json
import uuid
import zlib

import pytest
from sqlalchemy import select, text

from broker.config import config, project_path
from broker.errors import TransientError
from broker.ranges import switches
from broker.ranges.switch_tables import HeldRange
from pipeline.alerts import holdback, ledger, selected_messages
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.tables import OUTPUT_SELECTED, OUTPUT_SELECTED_JSON, Alert
from tests import factories
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

pytestmark = pytest.mark.integration
TOPIC = "lsst-extendedness-filtered"
CANDID = 2**60 + 1


class Producer:
    """Acknowledges everything."""

    def __init__(self):
        self.sent = []

    def send(self, messages):
        self.sent += messages
        return [None] * len(messages)


@pytest.fixture
def source(session):
    return factories.make_source(session, stream="lsst", topic="lsst-alerts-v11")


@pytest.fixture
def file(session):
    """The archive's file of one packet, which may be gone."""
    value = packet(alert({"extendedness": 0.25, "ssObjectId": 9}))
    path = project_path(config().archive.path) / "lsst" / f"{uuid.uuid4()}.seg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value)
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def gated(session, source, file):
    """An alert that a gate stopped and the filter selected, whose message waits; held."""
    segment = factories.make_segment(session, survey="lsst", path=f"lsst/{file.name}")
    value = file.read_bytes()
    made = factories.make_alert(
        session,
        source,
        segment,
        survey="lsst",
        candid=CANDID,
        gate_reason="rock",
        output_topic=None,
        outputs=OUTPUT_SELECTED,
        pending=OUTPUT_SELECTED,
        published_at=None,
        archive_start=0,
        archive_length=len(value),
        archive_crc32=zlib.crc32(value),
    )
    switches.hold(session, "lsst", source.id, 3, 0, 99)
    return made


def held(session):
    session.expire_all()
    return session.scalars(select(HeldRange)).all()


def test_a_packet_that_cannot_be_had_leaves_its_message_waiting_and_rests(session, gated, file):
    file.unlink()
    producer = Producer()

    assert holdback.publish_held(producer) == 0

    (row,) = held(session)
    assert (gated.pending, row.tried_at is None) == (OUTPUT_SELECTED, False)
    assert ledger.read(session).waiting == 1
    assert switches.held(session, 10) == []  # for a minute


def test_what_rested_is_tried_again(session, gated):
    session.execute(text("UPDATE held_ranges SET tried_at = now() - interval '61 s'"))

    assert holdback.publish_held(Producer()) == 1
    assert held(session) == []


def test_a_selected_alert_goes_out_later_from_the_archive_once(session, gated, file):
    producer = Producer()

    assert holdback.publish_held(producer) == 1
    assert holdback.publish_held(producer) == 0

    (message,) = producer.sent
    headers = dict(message.headers)
    assert (message.topic, message.key) == (TOPIC, None)
    assert headers["delivery_id"].decode() == delivery_id("lsst", CANDID, TOPIC)
    assert headers["extendedness_median"] == b"0.25"
    assert headers["has_sssource"] == b"true"
    assert file.read_bytes()[5:] in message.value


def test_the_books_count_it_as_gated_and_as_a_second_copy(session, gated):
    holdback.publish_held(Producer())

    books = ledger.read(session)

    (night,) = books.nights
    assert (night.received, dict(night.gated)) == (1, {"rock": 1})
    assert ledger.by_topic(books) == {TOPIC: 1}
    assert books.waiting == 0


def test_public_messages_beside_it_do_not_wait(session, source, gated, file):
    file.unlink()
    segment = factories.make_segment(session, survey="lsst", path="other.seg")
    owner = factories.make_object(session, survey="lsst", object_id="170")
    factories.make_alert(
        session, source, segment, survey="lsst", candid=7, source_offset=43, object_id=owner.id,
        output_topic="babamul.lsst.no-ztf-match.hosted", pending=1, published_at=None,
    )  # fmt: skip

    assert holdback.publish_held(Producer()) == 1

    waiting = session.scalars(select(Alert.candid).where(Alert.pending != 0)).all()
    assert waiting == [CANDID]


class Registry:
    """Away until ``is_back``."""

    is_back = False

    def register(self, _subject, _definition):
        if not self.is_back:
            raise TransientError("away")
        return 7


def ask(registry, monkeypatch, now_s):
    """Let messages be framed with ids of this registry."""
    selected = config().selected.model_copy(update={"wire": "confluent"})
    settings = config().model_copy(update={"selected": selected})
    ids = SchemaIds(registry, lambda: now_s[0])
    monkeypatch.setattr(selected_messages, "config", lambda: settings)
    monkeypatch.setattr(selected_messages, "_ids", lambda: ids)


def test_with_the_registry_away_a_message_waits_and_goes_out_when_it_is_back(
    session, gated, file, monkeypatch
):
    registry, now_s, producer = Registry(), [0.0], Producer()
    ask(registry, monkeypatch, now_s)

    assert holdback.publish_held(producer) == 0
    assert ledger.read(session).waiting == 1

    registry.is_back, now_s[0] = True, 60.0
    session.execute(text("UPDATE held_ranges SET tried_at = now() - interval '61 s'"))
    assert holdback.publish_held(producer) == 1
    assert [message.value[:5] for message in producer.sent] == [b"\0\0\0\0\7"]
    assert producer.sent[0].value[5:] == file.read_bytes()[5:]
    assert ledger.read(session).waiting == 0


def test_its_json_waits_for_no_registry_and_goes_out_once(session, gated, monkeypatch):
    gated.outputs = gated.pending = OUTPUT_SELECTED | OUTPUT_SELECTED_JSON
    session.flush()
    registry, now_s, producer = Registry(), [0.0], Producer()
    ask(registry, monkeypatch, now_s)

    assert holdback.publish_held(producer) == 1
    registry.is_back, now_s[0] = True, 60.0
    session.execute(text("UPDATE held_ranges SET tried_at = now() - interval '61 s'"))
    assert holdback.publish_held(producer) == 1

    as_json, framed = producer.sent
    assert (as_json.topic, framed.topic) == ("lasair_1nightjar-extendedness", TOPIC)
    found = json.loads(as_json.value)
    assert (found["diaSourceId"], found["ssObjectId"]) == (CANDID, 9)
    assert (found["extendedness_median"], found["n_extendedness"]) == (0.25, 1)
    assert ledger.by_topic(ledger.read(session)) == {TOPIC: 1, as_json.topic: 1}
