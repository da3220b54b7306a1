import numpy as np
import pytest

from pipeline.simulate.images import Host, Scene, Star, point_source, render

PLAIN = Scene((63, 63), 2.2, 8000.0, 5.0, 3.0, 150.0, 160.0, 0.0)


def rendered(**changes):
    return render(Scene(**{**vars(PLAIN), **changes}), np.random.default_rng(3))


def test_a_point_source_has_its_width_and_all_its_light():
    image = point_source((201, 201), 4.0)

    assert image.sum() == pytest.approx(1, abs=0.002)
    assert image[100, 102] == pytest.approx(image[100, 100] / 2, rel=1e-4)


def test_a_galaxy_has_all_its_light_wherever_it_lies():
    host = Host(4.0, -3.0, 1e5, 6.0, 0.6, 30.0, 1.0)

    trio = rendered(
        shape=(301, 301), transient_flux=0.0, host=host, noise_science=0.0, noise_template=0.0
    )

    # Seeing of 1 pixel softens the core, so a few per cent are lost.
    assert (trio.template - 160).sum() == pytest.approx(1e5, rel=0.07)


def test_the_transient_stands_in_the_middle_of_science_and_difference_only():
    trio = rendered()

    assert np.unravel_index(trio.difference.argmax(), (63, 63)) == (31, 31)
    assert np.unravel_index(trio.science.argmax(), (63, 63)) == (31, 31)
    assert abs(trio.template[31, 31] - 160) < 6 * 3


def test_the_difference_is_science_less_template():
    trio = rendered(stars=(Star(10.0, -8.0, 2e4),), host=Host(5, 3, 4e4, 4, 0.7, 20, 1))

    left = trio.science - trio.template - trio.difference

    assert np.median(left) == pytest.approx(-10, abs=0.1)
    assert np.abs(left + 10).max() < 0.02 * trio.science.max()


def test_the_noise_is_what_was_asked_for():
    trio = rendered(transient_flux=0.0)

    assert trio.science.std() == pytest.approx(5, rel=0.05)
    assert trio.difference.std() == pytest.approx(np.hypot(5, 3), rel=0.05)


def test_a_source_that_faded_leaves_a_hole_and_no_light_below_nothing():
    trio = rendered(transient_flux=-8000.0, noise_science=0.0, noise_template=0.0)

    assert trio.difference[31, 31] < -800
    assert trio.science.min() >= 150 - 1e-3


def test_an_artefact_has_two_signs():
    trio = rendered(is_artefact=True, noise_science=0.0, noise_template=0.0)

    assert trio.difference.min() < -500 < 500 < trio.difference.max()


def test_a_moving_source_is_drawn_out_along_its_path():
    trio = rendered(trail_px=8.0, trail_deg=90.0, noise_science=0.0, noise_template=0.0)

    row, column = trio.difference[31], trio.difference[:, 31]
    assert np.sum(row > row.max() / 2) > 2 * np.sum(column > column.max() / 2)


def test_beyond_the_detector_there_is_nothing():
    trio = rendered(edge_px=7)

    assert all(np.isnan(image[:7]).all() and np.isfinite(image[7:]).all() for image in trio)
