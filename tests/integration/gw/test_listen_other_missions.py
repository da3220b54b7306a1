"""Swift's and SVOM's real packets, circulars and the heartbeat, through real Kafka into rows."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker import kafka as wire
from broker.config import config
from broker.kafka_admin import ensure_topics
from broker.kafka_types import Message
from pipeline.bootstrap import notice_topics
from pipeline.gw.listener import make_notice_listener
from tests.conftest import TOPIC_PREFIX
from tests.database import run_sql
from tests.samples import folder
from tests.voevents import packet

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 120
BAT = "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK"
XRT = "gcn.classic.voevent.SWIFT_XRT_POSITION"
UVOT = "gcn.classic.voevent.SWIFT_UVOT_POS"
ECLAIRS = "gcn.notices.svom.voevent.eclairs"
CIRCULARS = "gcn.circulars"
HEARTBEAT = "gcn.heartbeat"


@pytest.fixture
def url(
    kafka: object, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """Return the database of listeners whose topics and groups are this test's own."""
    name = uuid.uuid4().hex[:12]
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_GCN__TOPIC_PREFIX", f"{TOPIC_PREFIX}{name}.")
        patch.setenv("NIGHTJAR_GCN__GROUP_ID", f"nightjar-{name}")
        patch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
        config.cache_clear()
        ensure_topics(notice_topics(config()))
        yield database
    config.cache_clear()


def send(*sent: tuple[str, bytes]) -> None:
    prefix = config().gcn.topic_prefix
    producer = wire.Producer(wire.own_connection())
    messages = [Message(prefix + topic, None, raw, []) for topic, raw in sent]
    assert producer.send(messages) == [None] * len(sent)
    producer.close()


def take(stream: str, is_done: Callable[[], bool]) -> None:
    taker = make_notice_listener(stream, f"{stream}-0")
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < give_up_at, "the listener did not get there"
        taker.tick()
    taker.run(lambda: True)


def sample(name: str) -> bytes:
    return (folder() / "gw" / name).read_bytes()


@pytest.mark.samples
def test_every_packet_is_taken_once_beside_a_bad_one(url):
    swift, svom = sample("voevent/swift_bat_type61.xml"), sample("voevent/svom_eclairs.xml")
    fresh = packet(202, mission="svom", trigger="new", time=datetime.now(UTC).isoformat())
    send(
        (BAT, swift),
        (BAT, b"<no XML"),
        (BAT, swift),
        (XRT, sample("voevent/swift_xrt_type67.xml")),
        (UVOT, sample("voevent/swift_uvot_type81.xml")),
        (ECLAIRS, svom),
        (ECLAIRS, fresh),
    )

    take("voevent", lambda: count(url, "grb_alerts") == 5 and count(url, "dead_letters") == 1)

    rows = run_sql(url, 'SELECT "triggerId", packet_type, grb_name FROM grb_alerts')
    assert {tuple(row) for row in rows} == {
        ("1423875", 61, "251214"),
        ("1423875", 67, "251214"),
        ("1423875", 81, "251214"),
        ("sb25120806", 202, "251208"),
        ("new", 202, "251214"),
    }
    assert run_sql(url, "SELECT step FROM gw_steps") == [("grb_thread",)]
    assert run_sql(url, "SELECT reason FROM dead_letters") == [("not_xml",)]


@pytest.mark.samples
def test_circulars_are_kept_and_of_the_heartbeat_the_newest(url):
    circular = sample("gcn-json/circulars.example.json")
    beats = [(HEARTBEAT, json.dumps({"n": n}).encode()) for n in range(3)]
    send((CIRCULARS, circular), (CIRCULARS, b"[]"), (CIRCULARS, circular), *beats)
    newest = "SELECT count(*) FROM gcn_notices WHERE payload = '{\"n\": 2}'"

    take(
        "gcn_json",
        lambda: count(url, "dead_letters") == 1 and run_sql(url, newest) == [(1,)],
    )

    rows = run_sql(url, "SELECT topic, notice_id FROM gcn_notices ORDER BY topic")
    assert rows == [(CIRCULARS, "33603"), (HEARTBEAT, None)]


def count(url: str, table: str) -> int:
    return int(run_sql(url, f"SELECT count(*) FROM {table}")[0][0])
