"""What the demo shows of selected alerts can be opened by anybody."""

import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from pipeline.simulate import demo_selected
from tests.integration.selected.world import Consumer, csv_path, packet, received

pytestmark = pytest.mark.integration


def test_before_the_first_alert_there_is_nothing(session, root, tmp_path):
    assert str(demo_selected.look()) == "Selected alerts: none yet"
    assert demo_selected.snapshot(tmp_path) is None


def test_a_table_a_cutout_and_a_parquet_file_are_there_to_open(session, root, tmp_path):
    taker = Consumer()
    taker.work(received(packet(1), packet(2)))

    found = demo_selected.look()
    snapshot = demo_selected.snapshot(tmp_path / "demo")

    assert (found.rows, found.cutouts) == (2, 6)
    assert found.table == root / csv_path(taker.target)
    assert fits.getdata(found.cutout).shape == (30, 20)
    assert pq.read_table(snapshot).num_rows == 2
    assert str(found).startswith("Selected alerts: 2 lines, 6 cutouts; ")
