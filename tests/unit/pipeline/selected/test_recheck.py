"""The look at what other brokers select: with and without a solar-system source."""

from typing import Any

import pytest

from broker.sections.selected import ExtendednessSettings, SelectedSettings
from pipeline.filters.extendedness import judge_rows


def row(has_source: bool | None, object_id: str | int | None) -> dict[str, Any]:
    values = dict.fromkeys(("extendedness_median", "extendedness_min", "extendedness_max"), 0.5)
    return {**values, "extra": {"hasSSSource": has_source, "ssObjectId": object_id}}


ROWS = [row(True, 7), row(True, None), row(None, 7), row(None, None), row(False, 0)]
"""The last two are of no object of the solar system."""


@pytest.mark.parametrize(
    ("required", "refused"),
    [
        (True, [None, None, None, "no_sssource", "no_sssource"]),
        (False, ["sssource", "sssource", "sssource", None, None]),
    ],
)
def test_a_source_of_the_solar_system_is_one_by_either_sign(required, refused):
    rule = ExtendednessSettings(require_sssource=required)

    assert judge_rows(ROWS, SelectedSettings(extendedness=rule)) == refused
