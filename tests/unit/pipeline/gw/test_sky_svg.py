from xml.etree import ElementTree as ET

import hpgeom
import numpy as np
import pytest

from pipeline.gw.sky_svg import MAX_CELLS, Footprint, Regions, _cells, region_svg, whole_sky_svg

SVG = "{http://www.w3.org/2000/svg}"
ORDER = 6


def regions(ra_deg, dec_deg, radius_deg=5.0, order=ORDER):
    cells = hpgeom.query_circle(1 << order, ra_deg, dec_deg, radius_deg, nest=True)
    return Regions({str(order): cells[: len(cells) // 2].tolist()}, {str(order): cells.tolist()})


def corners(path):
    """Return the points of each outline of a path."""
    outlines = [each for each in path.attrib["d"].rstrip("z").split("z") if each]
    return [
        [tuple(map(float, point.split())) for point in outline[1:].split("L")]
        for outline in outlines
    ]


def polygon_area(outline):
    x, y = np.array(outline).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def filled(svg):
    return [p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("opacity")]


def test_a_region_too_large_is_shown_on_the_whole_sky_only():
    wide = regions(10, 10, radius_deg=80, order=4)

    assert region_svg(wide) == ""
    assert whole_sky_svg(wide).startswith("<svg")


@pytest.mark.parametrize("moc", [{}, {"0": []}])
def test_a_region_without_cells_is_drawn_as_nothing(moc):
    assert whole_sky_svg(Regions(moc, moc)) == region_svg(Regions(moc, moc)) == ""


@pytest.mark.parametrize("ra_deg", [0.0, 179.9, 180.1, 359.9])
@pytest.mark.parametrize("dec_deg", [-89.0, 0.0, 89.0])
def test_no_cell_is_drawn_across_the_map(ra_deg, dec_deg):
    for svg in (whole_sky_svg(regions(ra_deg, dec_deg)), region_svg(regions(ra_deg, dec_deg))):
        for path in filled(svg):
            for outline in corners(path):
                xs = [x for x, _ in outline]
                assert max(xs) - min(xs) < 190


def test_a_region_stands_in_the_middle_of_its_enlargement():
    large = filled(region_svg(regions(120.0, -40.0)))[0]
    points = [point for outline in corners(large) for point in outline]

    assert sum(x for x, _ in points) / len(points) == pytest.approx(380, abs=8)
    assert sum(y for _, y in points) / len(points) == pytest.approx(280, abs=8)


def test_east_is_left_and_north_is_up():
    tiles = [Footprint(122.0, -40.0, 1.0, "1", "east"), Footprint(120.0, -38.0, 1.0, "2", "north")]
    root = ET.fromstring(region_svg(regions(120.0, -40.0), tiles))
    at = {
        group.find(f"{SVG}title").text: group.find(f"{SVG}text").attrib
        for group in root.iter(f"{SVG}g")
    }

    assert float(at["east"]["x"]) < 380
    assert float(at["north"]["y"]) < 280


def test_a_tile_has_the_size_of_its_field():
    tile = Footprint(120.0, 0.0, 4.0, "1", "a tile")
    field = regions(120.0, 0.0, radius_deg=10)
    root = ET.fromstring(region_svg(field, [tile]))
    (group,) = root.iter(f"{SVG}g")
    (outline,) = corners(group.find(f"{SVG}path"))
    outer = [p for o in corners(filled(region_svg(field))[0]) for p in o]
    px_per_deg = (max(x for x, _ in outer) - min(x for x, _ in outer)) / 20

    width = max(x for x, _ in outline) - min(x for x, _ in outline)
    assert width / px_per_deg == pytest.approx(4.0, rel=0.08)  # cells overhang the circle


def test_titles_cannot_carry_markup():
    tile = Footprint(120.0, 0.0, 4.0, "<b>", "<script>")

    svg = region_svg(regions(120.0, 0.0), [tile])

    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_a_fine_map_is_drawn_with_few_cells():
    fine = hpgeom.query_circle(1 << 10, 50.0, 20.0, 12.0, nest=True).tolist()

    cells = _cells({"10": fine, "3": [700]}, 0)

    assert sum(map(len, cells.values())) <= MAX_CELLS
    assert 700 in cells[3]


def test_an_enlargement_has_no_holes_where_cells_are_large():
    cell = hpgeom.angle_to_pixel(1 << 3, 120.0, -40.0, nest=True)
    (path, _) = filled(region_svg(Regions({"3": [cell]}, {"3": [cell]})))

    drawn = sum(polygon_area(outline) for outline in corners(path))
    # A cell is a diamond, which fills half of the box around it.
    points = [point for outline in corners(path) for point in outline]
    assert drawn > 0.4 * np.ptp([x for x, _ in points]) * np.ptp([y for _, y in points])


def test_a_tile_as_large_as_its_region_is_drawn():
    root = ET.fromstring(region_svg(regions(120.0, -40.0), [Footprint(120, -40, 9.0, "1", "wide")]))

    assert [title.text for title in root.iter(f"{SVG}title")][-1] == "wide"
