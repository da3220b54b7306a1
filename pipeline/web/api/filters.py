"""Which alerts are wanted: bounds and flags, alike on every route that filters."""

from itertools import product
from typing import Any

from rest_framework import serializers

from broker.rest_fields import Flag
from pipeline.alerts.query import Filters
from pipeline.web.api.fields import Number

Checked = dict[str, Any]

SAME = {"min_drb": "min_reliability", "max_drb": "max_reliability"}
"""Bounds that have two names: ZTF's word and LSST's."""
ORDERED = (
    ("start_jd", "end_jd"),
    ("min_magpsf", "max_magpsf"),
    *product(*((name, alias) for name, alias in SAME.items())),
)
"""Bounds that must not lie the other way round."""


def _optional(kind: type[serializers.Field[Any, Any, Any, Any]], *bounds: Any, text: str) -> Any:
    return kind(*bounds, required=False, help_text=text)


class FilterParameters(serializers.Serializer[Any]):
    """Bounds (inclusive) and flags."""

    start_jd = _optional(Number, text="earliest time [JD, UTC]")
    end_jd = _optional(Number, text="latest time [JD, UTC]")
    min_magpsf = _optional(Number, text="brightest PSF magnitude [AB mag]")
    max_magpsf = _optional(Number, text="faintest PSF magnitude [AB mag]")
    min_drb = _optional(Number, text="lowest score: ZTF's drb, LSST's reliability")
    max_drb = _optional(Number, text="highest score")
    min_reliability = _optional(Number, text="the same as min_drb")
    max_reliability = _optional(Number, text="the same as max_drb")
    is_positive = _optional(Flag, text="brighter than in the template")
    is_rock = _optional(Flag, text="a known solar-system object")
    is_star = _optional(Flag, text="lies on a star; null matches neither")
    is_near_brightstar = _optional(Flag, text="near a bright star; null matches neither")
    is_stationary = _optional(Flag, text="seen there before")

    def validate(self, attrs: Checked) -> Checked:
        """Refuse bounds in the wrong order, and two values for one."""
        for names in SAME.items():
            refuse_two(attrs, *names)
        for low, high in ORDERED:
            if low in attrs and high in attrs and attrs[low] > attrs[high]:
                raise serializers.ValidationError({high: f"must not be below {low}"})
        return attrs


def filters_of(checked: Checked) -> Filters:
    """Return the filters among checked parameters."""
    given = {name: checked[name] for name in Filters.__dataclass_fields__ if name in checked}
    for ours, theirs in (("min_score", "min_drb"), ("max_score", "max_drb")):
        given[ours] = checked.get(theirs, checked.get(SAME[theirs]))
    return Filters(**given)


def refuse_two(attrs: Checked, name: str, alias: str) -> None:
    """Refuse different values under the two names of one thing."""
    if name in attrs and alias in attrs and attrs[name] != attrs[alias]:
        rule = f"must not differ from {name}: they are the same"
        raise serializers.ValidationError({alias: rule})
