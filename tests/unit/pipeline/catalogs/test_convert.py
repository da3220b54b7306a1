import hpgeom
import numpy as np
import pyarrow as pa
import pytest

from pipeline.catalogs.convert import BadPosition, convert
from pipeline.catalogs.known import GCVS, LSPSC, TNS
from pipeline.catalogs.record import LoadError

PAIRS = {"ra": "ra", "dec": "dec", "id": "id", "score": "score", "mag_white": "mag"}


def _table(**columns):
    return pa.table({name: pa.array(cells) for name, cells in columns.items()})


def _lspsc(**columns):
    n = len(next(iter(columns.values())))
    whole = {"ra": [10.0] * n, "dec": [20.0] * n, "id": [1] * n, "score": [0.5] * n}
    whole |= {"mag": [20.0] * n} | columns
    return convert(LSPSC, _table(**whole), PAIRS, 1)


def test_a_row_keeps_its_values_and_gets_its_healpix_index():
    table = _lspsc(ra=[150.0], dec=[30.0], id=[2**62 + 1], score=[0.25], mag=[17.5]).table

    assert table.column_names == ["ra", "dec", "id", "score", "mag_white", "hpx29"]
    assert table.to_pylist() == [
        {
            "ra": 150.0,
            "dec": 30.0,
            "id": 2**62 + 1,
            "score": 0.25,
            "mag_white": 17.5,
            "hpx29": int(hpgeom.angle_to_pixel(2**29, 150.0, 30.0)),
        }
    ]


@pytest.mark.parametrize(
    ("given", "ra_deg"),
    [(0.0, 0.0), (359.5, 359.5), (360.0, 0.0), (-0.5, 359.5), (-180.0, 180.0), (-1e-17, 0.0)],
)
def test_right_ascension_becomes_0_to_360(given, ra_deg):
    assert _lspsc(ra=[given]).table["ra"].to_pylist() == [ra_deg]


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        (None, 1.0),
        (1.0, None),
        (float("nan"), 1.0),
        (float("inf"), 1.0),
        (-999.0, 1.0),
        (360.001, 1.0),
        (1.0, 90.001),
        (1.0, -99.0),
    ],
)
def test_a_row_without_a_usable_position_is_left_out_and_listed(ra, dec):
    part = _lspsc(ra=[5.0, ra, 6.0], dec=[1.0, dec, 2.0], id=[1, 2, 3])

    assert part.table["id"].to_pylist() == [1, 3]
    assert part.bad_rows == 1
    assert part.bad == (BadPosition(2, str(ra), str(dec)),)


def test_only_the_first_ten_bad_rows_of_a_batch_are_listed_and_all_are_counted():
    pairs = {"ra": "ra", "dec": "dec", "var_type": "t"}

    part = convert(GCVS, _table(ra=[999.0] * 12, dec=[0.0] * 12, t=["M"] * 12), pairs, 101)

    assert part.bad_rows == 12
    assert [bad.row for bad in part.bad] == list(range(101, 111))


# Positions of 3HSPJ000117.1-315043 and 3HSPJ000116.4+293534, turned into degrees by hand:
# 15 × (1 / 60 + 17.08 / 3600) and 15 × (1 / 60 + 16.37 / 3600).
@pytest.mark.parametrize(
    ("ra", "dec", "ra_deg", "dec_deg"),
    [
        ("00 01 17.08", "-31 50 43.0", 0.321166667, -31.845277778),
        ("00:01:16.37", "+29:35:34.0", 0.318208333, 29.592777778),
        ("0h1m16.37s", "29d35m34s", 0.318208333, 29.592777778),
        ("23 59 60", "-00 30 00", 0.0, -0.5),
        ("23:59:59", "00:00:01", 359.995833333, 0.000277778),
    ],
)
def test_sexagesimal_right_ascension_is_in_hours(ra, dec, ra_deg, dec_deg):
    table = _lspsc(ra=[ra], dec=[dec]).table

    assert table["ra"].to_pylist() == pytest.approx([ra_deg], abs=1e-8)
    assert table["dec"].to_pylist() == pytest.approx([dec_deg], abs=1e-8)


@pytest.mark.parametrize("text", ["1 61 00", "00 01 60.5", "12h", "noon", "1 2", ""])
def test_a_position_that_cannot_be_read_is_a_bad_row(text):
    part = _lspsc(ra=[text, "10.5"], dec=["-1", "+1.5"])

    assert part.bad_rows == 1
    assert part.table.select(["ra", "dec"]).to_pylist() == [{"ra": 10.5, "dec": 1.5}]


def test_text_numbers_may_be_padded_and_bear_a_sign():
    table = _lspsc(score=[" +0.75 ", " 1e-3"], mag=["-0.5", "12"], id=["+7", " 8 "]).table

    assert table["score"].to_pylist() == pytest.approx([0.75, 0.001])
    assert table["mag_white"].to_pylist() == [-0.5, 12.0]
    assert table["id"].to_pylist() == [7, 8]


@pytest.mark.parametrize("cell", ["", "  ", "NULL", "nan", "NaN", "N/A", "--", "None"])
def test_cells_that_mean_no_value_are_null(cell):
    assert _lspsc(mag=[cell, "3.5"]).table["mag_white"].to_pylist() == [None, 3.5]


def test_nan_and_infinity_are_null():
    mag = [float("nan"), float("inf"), float("-inf"), 1.0]

    assert _lspsc(mag=mag).table["mag_white"].to_pylist() == [None, None, None, 1.0]


def test_a_cell_that_is_no_number_is_refused_with_its_row():
    with pytest.raises(LoadError, match="column score, row 3: 'high' is no real"):
        _lspsc(score=["0.5", "0.6", "high"])


def test_rows_are_counted_in_the_file_even_behind_bad_positions():
    with pytest.raises(LoadError, match="column id, row 3: 'x' is no bigint"):
        _lspsc(ra=["1", "bad", "2"], id=["1", "2", "x"])


def test_an_id_without_value_is_refused_with_its_row():
    with pytest.raises(LoadError, match="column id, row 2: no value"):
        _lspsc(id=[1, None])


def test_a_column_of_lists_is_refused_by_name():
    with pytest.raises(LoadError, match="column score holds list<"):
        _lspsc(score=[[0.5], [0.6]])


def test_an_id_that_floats_have_rounded_is_refused():
    with pytest.raises(LoadError, match="column id"):
        _lspsc(id=[1.5])


def test_whole_ids_in_floats_are_taken():
    assert _lspsc(id=[123456.0]).table["id"].to_pylist() == [123456]


def test_text_is_trimmed_and_freed_of_python_byte_marks():
    pairs = {"ra": "ra", "dec": "dec", "var_type": "t"}
    cells = ["SNI       ", "b'00470752-2422143'", "b'---'", "", "β Lyr"]
    n = len(cells)

    table = convert(GCVS, _table(ra=[1.0] * n, dec=[2.0] * n, t=cells), pairs, 1).table

    assert table["var_type"].to_pylist() == ["SNI", "00470752-2422143", None, None, "β Lyr"]


def test_bytes_become_text_and_old_encodings_survive():
    pairs = {"ra": "ra", "dec": "dec", "var_type": "t"}
    cells = [b"SR\0\0", "Å".encode("latin-1"), None]

    table = convert(GCVS, _table(ra=[1.0] * 3, dec=[2.0] * 3, t=cells), pairs, 1).table

    assert table["var_type"].to_pylist() == ["SR", "Å", None]


def test_numbers_become_text_where_the_catalog_has_text():
    pairs = {"ra": "ra", "dec": "dec", "id": "objid"}

    table = convert(TNS, _table(ra=[1.0], dec=[2.0], objid=[200803]), pairs, 1).table

    assert table["id"].to_pylist() == ["200803"]


def test_a_column_that_the_file_lacks_is_null():
    pairs = {"ra": "ra", "dec": "dec", "var_type": "t"}

    table = convert(GCVS, _table(ra=[1.0], dec=[2.0], t=["M"]), pairs, 1).table

    assert table["name"].to_pylist() == [None]


def test_dictionary_encoded_text_is_read():
    pairs = {"ra": "ra", "dec": "dec", "var_type": "t"}
    kinds = pa.array(["M", "SR", "M"]).dictionary_encode()
    batch = pa.table({"ra": [1.0, 2.0, 3.0], "dec": [0.0, 0.0, 0.0], "t": kinds})

    assert convert(GCVS, batch, pairs, 1).table["var_type"].to_pylist() == ["M", "SR", "M"]


def test_float32_positions_are_taken_as_they_are():
    batch = pa.table(
        {
            "ra": pa.array(np.array([10.5], np.float32)),
            "dec": pa.array(np.array([-3.25], np.float32)),
            "t": ["M"],
        }
    )

    table = convert(GCVS, batch, {"ra": "ra", "dec": "dec", "var_type": "t"}, 1).table

    assert table.select(["ra", "dec"]).to_pylist() == [{"ra": 10.5, "dec": -3.25}]
