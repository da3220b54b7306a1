"""Every real notice through real Kafka, twice, beside bad ones, under kill -9."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from broker import kafka as wire
from broker.config import ROOT, config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka_admin import TopicSpec, ensure_topics
from broker.kafka_messages import MessageReader
from broker.kafka_types import Message
from pipeline.bootstrap import notice_topics
from pipeline.gw import listener as listening
from pipeline.gw.listener import NoticeListener, make_notice_listener
from pipeline.gw.tables import GwStep
from tests.conftest import TOPIC_PREFIX
from tests.database import environment, run_sql
from tests.gw_messages import EVENT, notice
from tests.gw_rows import make_notice
from tests.samples import folder

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 120
AREAS_90_DEG2 = {
    ("S241102br", "PRELIMINARY"): 165.29,
    ("S241102br", "INITIAL"): 44.86,
    ("S241102br", "UPDATE"): 28.366,
    ("S250910b", "EARLYWARNING"): 9571.3,
    ("S241004ap", "PRELIMINARY"): 3613.16,
}
"""Of ligo.skymap; gw.md §2."""
OWN = f"gw_alerts WHERE \"triggerId\" = '{EVENT}'"


@pytest.fixture
def url(
    kafka: object, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """Return the database of a listener whose topic and group are this test's own."""
    name = uuid.uuid4().hex[:12]
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_GCN__TOPIC_PREFIX", f"{TOPIC_PREFIX}{name}.")
        patch.setenv("NIGHTJAR_GCN__GROUP_ID", f"nightjar-{name}")
        patch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
        config.cache_clear()
        ensure_topics([spec for spec in notice_topics(config()) if _is_igwn(spec)])
        yield database
    config.cache_clear()


def _is_igwn(spec: TopicSpec) -> bool:
    return spec.name.endswith("igwn.gwalert")


def topic() -> str:
    return f"{config().gcn.topic_prefix}igwn.gwalert"


def send(*raw: bytes) -> None:
    producer = wire.Producer(wire.own_connection())
    assert producer.send([Message(topic(), None, each, []) for each in raw]) == [None] * len(raw)
    producer.close()


def committed() -> int | None:
    """Return the offset that the listener's group committed, or None while nobody knows."""
    reader = MessageReader(
        wire.own_connection(), f"{config().gcn.group_id}-igwn", "onlooker", [topic()]
    )
    try:
        return reader.committed([(topic(), 0)])[topic(), 0]
    except TransientError:
        return None  # a young group has no coordinator yet
    finally:
        reader.close()


def tick_until(taker: NoticeListener, is_done: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < give_up_at, "the listener did not get there"
        taker.tick()


def close(taker: NoticeListener) -> None:
    taker.run(lambda: True)


def count(url: str, table: str) -> int:
    return int(run_sql(url, f"SELECT count(*) FROM {table}")[0][0])


def samples() -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder() / "gw" / "igwn").glob("*.json"))]


def test_every_sample_a_large_one_and_bad_ones_are_taken_once(url):
    large = notice().replace(b'"urls": {}', b'"urls": {"x": "%s"}' % (b"x" * 3_000_000))
    send(*samples(), b"no JSON", *samples(), large)  # what comes last shows that all have come
    taker = make_notice_listener("igwn", "igwn-0")

    tick_until(taker, lambda: count(url, OWN) == 1)
    close(taker)

    rows = run_sql(url, 'SELECT "triggerId", alert_type, state, area_90_deg2 FROM gw_alerts')
    assert len(rows) == len(samples()) + 1
    assert committed() == 2 * len(samples()) + 2
    found = {(event, kind): area for event, kind, _, area in rows if area is not None}
    assert found == pytest.approx(AREAS_90_DEG2, rel=1e-3)
    states = {(event, kind): state for event, kind, state, _ in rows}
    assert states["S241102br", "UPDATE"] == "current"
    assert states["S241102br", "PRELIMINARY"] == "superseded"
    assert states["S241126dm", "RETRACTION"] == "ignored"
    assert run_sql(url, "SELECT stream, reason FROM dead_letters") == [("igwn", "not_json")]
    assert count(url, "message_attempts") == 0
    assert count(url, "gw_skymaps") == len(AREAS_90_DEG2)


def listen(url: str, **settings: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "listen", "igwn"],
        cwd=ROOT,
        env=environment(url) | settings,
    )


KILLED_AT = ("notice_archived", "notice_stored", "notice_committed")


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_killed_listener_is_followed_by_one_that_stores_each_notice_once(url, place):
    send(notice("PRELIMINARY", 5), notice("UPDATE", 20))
    killed = listen(url, NIGHTJAR_TESTING__FAILPOINT=place)
    assert killed.wait(PATIENCE_S) == -9
    taker = make_notice_listener("igwn", "igwn-0")

    tick_until(taker, lambda: count(url, "gw_alerts") == 2)
    close(taker)

    assert committed() == 2
    found = run_sql(url, "SELECT reception_count, state FROM gw_alerts ORDER BY 1")
    assert found == [(1, "superseded"), (2, "current")]
    assert count(url, "message_attempts") == 0
    assert count(url, "dead_letters") == 0


def let_wait(steps: int) -> None:
    """Let so many cards of another event wait."""
    with transaction() as session:
        id_gw = make_notice(session).id_gw
        rows = [{"id_gw": id_gw, "step": "card", "key": str(i)} for i in range(steps)]
        session.execute(insert(GwStep), rows)


def test_a_listener_pauses_while_many_steps_wait(url, monkeypatch):
    monkeypatch.setattr(listening.NoticeListener, "look_every_s", 0.0)
    let_wait(listening.PAUSE_ABOVE + 1)
    send(notice())
    taker = make_notice_listener("igwn", "igwn-0")
    for _ in range(8):
        taker.tick()
    assert count(url, OWN) == 0

    run_sql(url, "UPDATE gw_steps SET state = 'done' WHERE id % 2 = 0")
    for _ in range(8):
        taker.tick()
    assert count(url, OWN) == 0

    run_sql(url, "UPDATE gw_steps SET state = 'done'")
    tick_until(taker, lambda: count(url, OWN) == 1)
    close(taker)

    assert count(url, OWN) == 1
