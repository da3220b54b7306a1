"""Tiles as people read them."""

import pytest

from pipeline.gw import ranks


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((), ""),
        ((4,), "4"),
        ((1, 2, 3), "1-3"),
        ((1, 2, 4, 6, 7), "1-2, 4, 6-7"),
    ],
)
def test_neighbours_are_shown_as_a_span(given, text):
    assert ranks.shown(given) == text


def test_what_is_shown_can_be_read():
    assert ranks.read(ranks.shown([1, 2, 4, 500])) == (1, 2, 4, 500)


def test_a_single_tile_has_its_noun():
    assert [ranks.named([4]), ranks.named([4, 5])] == ["tile 4", "tiles 4-5"]
