import gzip
import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from pipeline.catalogs.record import LoadError
from pipeline.catalogs.source import Format, find, open_source


def _read(path, columns=None, form=None):
    source = open_source(find(path), form or Format())
    tables = [table for table, _ in source.batches(columns or source.columns)]
    names = columns or source.columns
    return pa.concat_tables(tables).rename_columns(list(names)).to_pydict()


def _write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text", "separator"),
    [
        ("a.csv", "ra,dec,t\n1.5,2,M\n3,-4,SR\n", ""),
        ("a.tsv", "ra\tdec\tt\n1.5\t2\tM\n3\t-4\tSR\n", ""),
        ("a.txt", "ra|dec|t\n1.5|2|M\n3|-4|SR\n", "pipe"),
        ("a.txt", "ra;dec;t\r\n1.5;2;M\r\n3;-4;SR\r\n", ";"),
        ("bom.csv", "\ufeffra,dec,t\n1.5,2,M\n\n3,-4,SR", ""),
        ("padded.csv", 'ra , dec , t\n1.5 , "2" , "M"\n3 , "-4" , "SR"\n', ""),
    ],
    ids=["comma", "tab", "pipe", "semicolon", "byte order mark", "padded"],
)
def test_delimited_text_is_read_cell_by_cell(tmp_path, name, text, separator):
    rows = _read(_write(tmp_path / name, text), form=Format(separator))

    assert {n: [cell.strip() for cell in cells] for n, cells in rows.items()} == {
        "ra": ["1.5", "3"],
        "dec": ["2", "-4"],
        "t": ["M", "SR"],
    }


def test_quoted_cells_may_hold_separators_quotes_and_line_ends(tmp_path):
    path = _write(tmp_path / "a.csv", 'ra,dec,t\n1,2,"a,""b""\nc"\n')

    assert _read(path)["t"] == ['a,"b"\nc']


def test_padded_quoted_cells_may_hold_separators(tmp_path):
    path = _write(tmp_path / "a.csv", 'ra , dec , t\n1 , 2 , "a , b" \n')

    assert [cell.strip() for cell in _read(path)["t"]] == ["a , b"]


def test_columns_come_in_the_order_asked_for_and_may_repeat(tmp_path):
    path = _write(tmp_path / "a.csv", "ra,dec,t\n1,2,M\n")
    source = open_source(find(path), Format())

    tables = [table for table, _ in source.batches(["t", "ra", "t"])]

    assert [column.to_pylist() for column in tables[0].columns] == [["M"], ["1"], ["M"]]


def test_gzip_is_undone(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"ra,dec,t\n1,2,M\n"))

    assert _read(path)["t"] == ["M"]


def test_other_encodings_are_named_or_refused(tmp_path):
    path = _write(tmp_path / "a.csv", "ra,dec,tÿp\n1,2,Å\n", "latin-1")

    assert _read(path, form=Format(encoding="latin-1"))["tÿp"] == ["Å"]
    with pytest.raises(LoadError, match="--encoding"):
        open_source(find(path), Format())


@pytest.mark.parametrize(
    "text",
    ["ra,dec,t\n1,2,M\n1,2\n", 'ra , dec , t\n1 , 2 , "M"\n1 , 2\n'],
    ids=["plain", "padded"],
)
def test_a_row_with_too_few_cells_is_refused(tmp_path, text):
    with pytest.raises(LoadError, match=r"a\.csv"):
        _read(_write(tmp_path / "a.csv", text))


def test_a_separator_of_two_characters_is_refused(tmp_path):
    with pytest.raises(LoadError, match="'::'"):
        open_source(find(_write(tmp_path / "a.csv", "ra::dec\n")), Format("::"))


def test_the_progress_of_a_text_file_ends_at_its_size(tmp_path):
    path = _write(tmp_path / "a.csv", "ra,dec,t\n" + "1,2,M\n" * 1000)
    source = open_source(find(path), Format())

    assert [done for _, done in source.batches(["ra"])][-1] == source.size == path.stat().st_size


def _fits(path, *columns):
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return path


def test_a_fits_table_is_read_with_its_nulls_scales_and_zeros(tmp_path):
    path = _fits(
        tmp_path / "a.fits",
        fits.Column("ra", "D", array=np.array([1.5, np.nan])),
        fits.Column("id", "K", array=np.array([2**62 + 1, -5])),
        fits.Column("n", "J", null=-9, array=np.array([-9, 7])),
        fits.Column("scaled", "I", array=np.array([2, 5])),
        fits.Column("unsigned", "K", bzero=2**63, array=np.array([2**63 + 5, 3], np.uint64)),
        fits.Column("short", "I", bzero=2**15, array=np.array([65535, 0], np.uint16)),
        fits.Column("name", "6A", array=np.array(["M 31", ""])),
        fits.Column("flag", "L", array=np.array([True, False])),
    )

    fits.setval(path, "TSCAL4", value=0.5, ext=1)
    fits.setval(path, "TZERO4", value=10.0, ext=1)

    rows = _read(path)

    assert rows["ra"][0] == 1.5
    assert np.isnan(rows["ra"][1])
    assert rows["id"] == [2**62 + 1, -5]
    assert rows["n"] == [None, 7]
    assert rows["scaled"] == [11.0, 12.5]
    assert rows["unsigned"] == [2**63 + 5, 3]
    assert rows["short"] == [65535, 0]
    assert rows["name"] == [b"M 31", b""]
    assert rows["flag"] == [True, False]


def test_a_fits_column_of_vectors_is_refused_by_name(tmp_path):
    path = _fits(tmp_path / "a.fits", fits.Column("flux", "3D", array=np.zeros((2, 3))))

    with pytest.raises(LoadError, match="column flux holds arrays"):
        _read(path)


def test_a_fits_image_is_no_catalog(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)

    with pytest.raises(LoadError, match="no binary table"):
        open_source(find(path), Format())


def test_parquet_is_read_by_column(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"ra": [1.0], "x": [2], "dec": [3.0]}), path)

    assert _read(path, ["dec", "ra"]) == {"dec": [3.0], "ra": [1.0]}


def test_a_directory_of_parquet_is_read_in_order_of_names(tmp_path):
    pq.write_table(pa.table({"ra": [2.0]}), tmp_path / "b.parquet")
    (tmp_path / "a").mkdir()
    pq.write_table(pa.table({"ra": [1.0]}), tmp_path / "a" / "z.parquet")
    pq.write_table(pa.table({"ra": [9.0]}), tmp_path / "_metadata.parquet")

    assert _read(tmp_path, ["ra"]) == {"ra": [1.0, 2.0]}


def test_a_file_without_a_column_of_the_first_one_is_refused(tmp_path):
    pq.write_table(pa.table({"ra": [2.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"RAJ": [2.0]}), tmp_path / "b.parquet")

    with pytest.raises(LoadError, match=r"b\.parquet has no column ra"):
        _read(tmp_path, ["ra"])


def _hats(folder, kind="object"):
    pixels = folder / "dataset" / "Norder=1" / "Dir=0"
    pixels.mkdir(parents=True)
    pq.write_table(pa.table({"lon": [1.0], "lat": [2.0]}), pixels / "Npix=7.parquet")
    pq.write_table(pa.table({"lon": [9.0], "lat": [9.0]}), folder / "dataset" / "thumb.parquet")
    lines = f"#HATS\ndataproduct_type={kind}\nhats_col_ra=lon\nhats_col_dec = lat\n"
    (folder / "hats.properties").write_text(lines)
    return folder


def test_a_hats_catalog_names_its_positions_and_keeps_rows_under_norder(tmp_path):
    place = find(_hats(tmp_path))

    assert place.hints == {"ra": "lon", "dec": "lat"}
    assert _read(tmp_path) == {"lon": [1.0], "lat": [2.0]}


def test_a_hats_collection_leads_to_its_catalog(tmp_path):
    _hats(tmp_path / "main")
    (tmp_path / "collection.properties").write_text("hats_primary_table_url=main\n")

    assert _read(tmp_path) == {"lon": [1.0], "lat": [2.0]}


def test_hats_margins_are_refused(tmp_path):
    with pytest.raises(LoadError, match="type margin"):
        find(_hats(tmp_path, "margin"))


def test_hdf5_is_refused_with_a_way_out(tmp_path):
    path = tmp_path / "a.hdf5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))

    with pytest.raises(LoadError, match=r"HDF5.*Parquet"):
        open_source(find(path), Format())


@pytest.mark.parametrize("name", ["absent.csv", "empty.csv", "folder"])
def test_what_is_not_there_is_refused(tmp_path, name):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(LoadError, match=r"folder|absent|empty"):
        find(tmp_path / name)


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    path = _write(tmp_path / "a.csv", "ra,dec\n1,2\n")

    assert find(path).sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_a_directory_knows_names_and_contents(tmp_path):
    for folder, name, ra in (("a", "x", 1.0), ("b", "y", 1.0), ("c", "x", 2.0), ("d", "x", 1.0)):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"ra": [ra]}), tmp_path / folder / f"{name}.parquet")

    digests = [find(tmp_path / folder).sha256() for folder in "abcd"]

    assert digests[0] == digests[3]
    assert len(set(digests)) == 3
