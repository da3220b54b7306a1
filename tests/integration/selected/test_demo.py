"""What the demo shows of selected alerts can be opened by anybody."""

import uuid
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from broker.config import config
from broker.kafka_types import Packet
from broker.sections.selected import SelectedSettings
from pipeline.filters import extendedness
from pipeline.selected import closing
from pipeline.simulate import demo_last_night, demo_others, demo_selected
from pipeline.surveys import lsst
from tests.integration.selected.world import Consumer, csv_path, packet, received

pytestmark = pytest.mark.integration


def test_before_the_first_alert_there_is_nothing(session, root):
    assert str(demo_selected.look()) == "Selected alerts: none yet"


def test_a_table_and_a_cutout_are_there_to_open(session, root):
    taker = Consumer()
    taker.work(received(packet(1), packet(2), packet(1)))

    found = demo_selected.look()
    [*_, source] = demo_others.look()

    assert source == ("selected", 3, 2, 0, 1, 0)
    assert (found.rows, found.cutouts, found.parquet) == (2, 6, None)
    assert found.table == root / csv_path(taker.target)
    assert fits.getdata(found.cutout).shape == (30, 20)
    assert str(found).startswith("Selected alerts: 2 lines, 6 cutouts; ")


@pytest.mark.slow
@pytest.mark.xdist_group("kafka")
def test_the_night_before_is_closed_as_soon_as_somebody_listens(
    database, make_topic, root, monkeypatch
):
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__TOPIC", make_topic(2))
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__GROUP_PREFIX", f"nightjar-{uuid.uuid4().hex}-")
    config.cache_clear()
    now = datetime.now(UTC)

    told = demo_last_night.play(config(), seed=7)
    closed = closing.close_due(Consumer(now).target, now)
    again = demo_last_night.play(config(), seed=8)

    assert f"12 alerts of {now - timedelta(days=1):%Y-%m-%d}" in told
    assert again == "on disk from an earlier demo"
    found = demo_selected.look()
    assert ([each.path for each in closed], found.rows, found.cutouts) == (
        [csv_path(Consumer().target, now - timedelta(days=1))],
        12,
        36,
    )
    table = pq.read_table(found.parquet)
    assert len(set(table["diaSourceId"].to_pylist())) == table.num_rows == 12


def test_nothing_is_sent_to_a_broker_of_others(root, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_COLLECT__SELECTED__BOOTSTRAP_SERVERS", "kafka.invalid:9093")
    config.cache_clear()

    assert demo_last_night.play(config(), seed=7) == "the filter's topic is not ours: none"


def test_the_filter_selects_what_is_sent():
    values = list(demo_last_night.packets(7, datetime(2026, 11, 21, 21, tzinfo=UTC)))

    batch, rejected = lsst.decode([Packet(at, 0, value) for at, value in enumerate(values)])

    assert (rejected, len(values)) == ([], demo_last_night.ALERTS)
    assert extendedness.judge(batch, SelectedSettings()).is_selected.all()
