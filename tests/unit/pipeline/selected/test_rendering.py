"""Rows to text: golden lines, and nothing that a spreadsheet would run."""

import csv
import io
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.selected import rendering

AT = datetime(2026, 11, 22, 5, 6, 7, tzinfo=UTC)
ROW = {
    "alert_id": 2**60 + 1,
    "dia_source_id": 2**60 + 1,
    "dia_object_id": 0,
    "ra_deg": 150.1,
    "dec_deg": -0.1 - 0.2,
    "mjd_tai": 61220.238590839246,
    "filter_name": "i",
    "ps_flux_njy": float(np.float32(-12.1)),
    "ps_flux_err_njy": None,
    "extendedness_median": float(np.float32(0.31179)),
    "extendedness_min": 0.0,
    "extendedness_max": 1.0,
    "science_path": "lsst_alerts/cutouts/1_science_20261122_050607.fits",
    "template_path": None,
    "difference_path": None,
    "processed_at": AT,
    "extra": {"snr": 7.25, "designation": "=1+1", "hasSSSource": False},
}
HEAD = (
    b"alertId,diaSourceId,diaObjectId,ra,dec,mjd,filterName,psFlux,psFluxErr,extendednessMedian,"
    b"extendednessMin,extendednessMax,science_cutout_path,template_cutout_path,"
    b"difference_cutout_path,timestamp"
)
LINE = (
    b"1152921504606846977,1152921504606846977,0,150.1,-0.30000000000000004,61220.238590839246,i,"
    b"-12.1,,0.31179,0.0,1.0,lsst_alerts/cutouts/1_science_20261122_050607.fits,,,"
    b"2026-11-22T05:06:07.000000+00:00"
)


def test_the_head_has_the_sixteen_columns_in_their_order():
    assert rendering.head(()) == HEAD + b"\n"


def test_a_row_has_the_digits_of_its_numbers():
    assert rendering.lines([ROW], ()) == LINE + b"\n"


def test_further_columns_follow_and_run_nowhere():
    found = rendering.lines([ROW], ("snr", "designation", "hasSSSource"))

    assert found == LINE + b",7.25,'=1+1,false\n"


def test_a_column_that_nobody_declared_is_named():
    with pytest.raises(KeyError, match="no column 'magic'; known: snr, chi"):
        rendering.lines([ROW], ("magic",))


def test_text_with_commas_and_quotes_is_read_back():
    name = 'a "b", c'
    found = rendering.lines([ROW | {"filter_name": name}], ())

    [row] = csv.reader(io.StringIO(found.decode()))
    assert row[6] == name


def test_parquet_has_the_same_values_with_types():
    table = pq.read_table(io.BytesIO(rendering.parquet([[ROW]], ("snr",))))

    assert ",".join(table.column_names).encode() == HEAD + b",snr"
    [row] = table.to_pylist()
    assert row["alertId"] == 2**60 + 1
    assert row["psFluxErr"] is None
    assert row["timestamp"] == AT
    assert row["snr"] == 7.25


def test_the_same_rows_give_the_same_parquet():
    assert rendering.parquet([[ROW]], ()) == rendering.parquet([[ROW]], ())


def test_parquet_of_chunks_has_the_rows_of_all_in_order():
    rows = [ROW | {"alert_id": number} for number in range(5)]

    table = pq.read_table(io.BytesIO(rendering.parquet([rows[:2], rows[2:4], rows[4:]], ())))

    assert table["alertId"].to_pylist() == [0, 1, 2, 3, 4]


def test_a_table_without_rows_is_parquet_with_its_columns():
    table = pq.read_table(io.BytesIO(rendering.parquet([], ())))

    assert (table.num_rows, len(table.column_names)) == (0, 16)
