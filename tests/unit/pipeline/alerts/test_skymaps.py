"""How large a sky map may be: judged by its header, and what reading it costs at the most."""

import io
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits

from pipeline.alerts import skymaps
from pipeline.alerts.skymap_files import SkyMapError
from pipeline.alerts.skymaps import read_credible_region

BYTES_PER_PIXEL = 8


def fits_file(*columns, **header):
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(header)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def column(name, form, values):
    return fits.Column(name, form, array=values)


def flat(order, **header):
    count = 12 * 4**order
    return fits_file(column("PROB", "D", np.full(count, 1 / count)), **header)


def test_a_flat_map_of_order_11_is_too_large_and_one_of_order_10_is_not():
    assert 12 * 4**10 <= skymaps.MAX_PIXELS < 12 * 4**11


def test_more_pixels_than_may_be_are_refused_by_the_header_alone(monkeypatch):
    monkeypatch.setattr(skymaps, "MAX_PIXELS", 12 * 4**3)
    monkeypatch.setattr(skymaps, "_edges", lambda *_: pytest.fail("it was read"))

    with pytest.raises(SkyMapError, match="3072 pixels; at most 768"):
        read_credible_region(flat(4), 0.9)


def test_pixels_in_rows_of_many_are_counted_all(monkeypatch):
    monkeypatch.setattr(skymaps, "MAX_PIXELS", 12 * 4**3)
    content = fits_file(column("PROB", "256E", np.full((12, 256), 1 / 3072)))

    with pytest.raises(SkyMapError, match="3072 pixels"):
        read_credible_region(content, 0.9)


def test_more_rows_of_a_multi_order_map_than_may_be_are_refused(monkeypatch):
    monkeypatch.setattr(skymaps, "MAX_ROWS", 11)
    content = fits_file(
        column("UNIQ", "K", np.arange(4, 16)),
        column("PROBDENSITY", "D", np.full(12, 1 / (4 * np.pi))),
    )

    with pytest.raises(SkyMapError, match="12 pixels; at most 11"):
        read_credible_region(content, 0.9)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("PD()", np.array([[1.0], [2.0]] * 6, dtype=object)),
        ("8X", np.ones((12, 8), bool)),
        ("4A", np.array(["0.1"] * 12)),
    ],
    ids=["rows that point elsewhere", "bits", "text"],
)
def test_a_column_of_anything_but_numbers_is_refused(form, values):
    with pytest.raises(SkyMapError, match="not a number"):
        read_credible_region(fits_file(column("PROB", form, values)), 0.9)


@pytest.mark.parametrize("ordering", ["RING", "NESTED"])
def test_a_flat_map_costs_five_times_its_pixels_at_the_most(ordering):
    count = 12 * 4**8
    content = flat(8, ORDERING=ordering)
    tracemalloc.start()
    try:
        region = read_credible_region(content, 1.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert region.edges.tolist() == [0, 12 * 4**29]
    assert peak < 5.5 * count * BYTES_PER_PIXEL
