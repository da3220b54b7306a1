"""Selected alerts where no range will work again: a packet that is lost keeps no neighbour."""

import uuid
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from broker.config import config, project_path
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.alerts import ledger, selected_messages, stranded
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.tables import OUTPUT_SELECTED, Alert
from tests import factories
from tests.integration.test_stranded import Producer
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

pytestmark = pytest.mark.integration
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
PACKET = packet(alert({"extendedness": 0.25, "ssObjectId": 9}))


@pytest.fixture
def source(session):
    return factories.make_source(session, stream="lsst", topic="lsst-alerts-v11")


@pytest.fixture
def make_selected(session, source, tmp_path, monkeypatch):
    """Return a function that makes an alert whose message waits, and its file of the archive."""
    monkeypatch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path))
    config.cache_clear()

    def make(offset, value=PACKET):
        file = project_path(config().archive.path) / f"{uuid.uuid4()}.seg"
        file.write_bytes(value)
        factories.make_alert(
            session,
            source,
            factories.make_segment(session, survey="lsst", path=file.name),
            survey="lsst",
            candid=2**60 + offset,
            source_offset=offset,
            gate_reason="rock",
            output_topic=None,
            outputs=OUTPUT_SELECTED,
            pending=OUTPUT_SELECTED,
            published_at=None,
            created_at=LONG_AGO,
            archive_start=0,
            archive_length=len(value),
            archive_crc32=zlib.crc32(value),
        )
        return file

    yield make
    config.cache_clear()


@pytest.fixture
def bury(session, source):
    def buried(first, last):
        factories.make_dead_letter(
            session,
            source,
            reason="expired_offsets",
            source_offset=first,
            last_offset=last,
            first_seen_at=LONG_AGO,
            updated_at=LONG_AGO,
        )

    return buried


def waiting(session):
    session.expire_all()
    stored = session.scalars(select(Alert).order_by(Alert.source_offset))
    return [alert.source_offset for alert in stored if alert.pending]


def letters(session):
    """Return offset, reason and state of the letters of single packets."""
    session.expire_all()
    found = session.scalars(select(DeadLetter).where(DeadLetter.reason != "expired_offsets"))
    return [(each.source_offset, each.reason, each.state) for each in found]


def test_a_packet_that_is_lost_keeps_no_neighbour_and_is_recorded(
    session, make_selected, bury, monkeypatch
):
    monkeypatch.setattr(stranded, "BATCH_ALERTS", 1)
    make_selected(1).unlink()
    make_selected(2)
    make_selected(101)
    bury(0, 99)
    bury(100, 199)

    assert stranded.publish_stranded(Producer()) == 2

    assert waiting(session) == [1]
    assert letters(session) == [(1, "unexpected", "open")]
    message = session.scalars(select(DeadLetter.message).filter_by(source_offset=1)).one()
    assert "is not on this machine, or expired" in message
    books = ledger.read(session)
    assert (books.received, books.waiting) == (200, 1)  # every offset once


def test_a_packet_that_cannot_be_read_is_recorded_by_its_own_reason(session, make_selected, bury):
    make_selected(1, PACKET[:40])
    make_selected(2)
    bury(0, 99)

    assert stranded.publish_stranded(Producer()) == 1

    assert waiting(session) == [1]
    assert letters(session) == [(1, "truncated", "open")]


def test_what_could_not_be_made_rests_and_goes_out_with_its_letter_closed(
    session, make_selected, bury
):
    file = make_selected(1)
    file.unlink()
    bury(0, 99)
    seen, producer = stranded.Seen(), Producer()
    assert stranded.publish_stranded(producer, seen) == 0
    file.write_bytes(PACKET)

    assert stranded.publish_stranded(producer, seen) == 0

    seen.tried = {letter: each._replace(until_s=0.0) for letter, each in seen.tried.items()}
    assert stranded.publish_stranded(producer, seen) == 1
    assert waiting(session) == []
    assert letters(session) == [(1, "unexpected", "resolved")]
    assert seen.tried == {}


def test_what_came_meanwhile_does_not_rest_with_it(session, make_selected, bury):
    make_selected(1).unlink()
    bury(0, 99)
    seen = stranded.Seen()
    stranded.publish_stranded(Producer(), seen)
    make_selected(2)

    assert stranded.publish_stranded(Producer(), seen) == 1
    assert waiting(session) == [1]


def test_an_interval_that_is_not_through_in_time_is_gone_on_with(
    session, make_selected, bury, monkeypatch
):
    monkeypatch.setattr(stranded, "BATCH_ALERTS", 1)
    monkeypatch.setattr(stranded, "LONGEST_S", 0)
    make_selected(1).unlink()
    make_selected(2)
    bury(0, 99)
    seen = stranded.Seen()

    assert [stranded.publish_stranded(Producer(), seen) for _ in range(2)] == [0, 1]


def test_while_the_registry_is_away_no_packet_is_blamed(session, make_selected, bury, monkeypatch):
    def away(*_):
        raise TransientError("away")

    monkeypatch.setenv("NIGHTJAR_SELECTED__WIRE", "confluent")
    config.cache_clear()
    ids = SchemaIds(type("Registry", (), {"register": away})())
    monkeypatch.setattr(selected_messages, "_ids", lambda: ids)
    make_selected(1)
    bury(0, 99)

    assert stranded.publish_stranded(Producer()) == 0

    assert (waiting(session), letters(session)) == ([1], [])
