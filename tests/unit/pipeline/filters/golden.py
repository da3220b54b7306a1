"""How many of the 45 real Rubin alerts are selected: surveys.md, section 5."""

import pytest

REQUIRED = (True, False, "any")

by_thresholds = pytest.mark.parametrize(
    ("thresholds", "counts"),
    [
        ({}, (10, 29, 39)),
        ({"median_min": 0.25, "min_threshold": 0.25}, (5, 21, 26)),
        ({"median_min": 0.25}, (5, 24, 29)),
    ],
    ids=["all", "a quarter", "a quarter at the median"],
)
"""Counts in the order of ``REQUIRED``."""
