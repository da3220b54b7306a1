"""Parameters of REST: each says its rule, in the answer that refuses and in the description."""

import base64
import binascii
import math
import sys
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from broker.rest_fields import Text
from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG

INT64_MAX = 2**63 - 1


class Number(serializers.FloatField):
    """A finite number between bounds.

    Parameters
    ----------
    low, high : float or None
        Bounds; None is none.
    low_is_out, high_is_out : bool
        The bound itself is outside.
    """

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        low_is_out: bool = False,
        high_is_out: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.low, self.high = low, high
        self.low_is_out, self.high_is_out = low_is_out, high_is_out
        self.error_messages["invalid"] = self.rule

    def to_internal_value(self, data: Any) -> float:
        """Return the number; refuse what is none, is not finite, or lies outside."""
        if isinstance(data, bool):
            self.fail("invalid")
        value = float(super().to_internal_value(data))
        if not math.isfinite(value) or not self._is_inside(value):
            raise serializers.ValidationError(self.rule)
        return value

    @property
    def rule(self) -> str:
        """Return what it must be, in words."""
        if self.low is None and self.high is None:
            return "must be a finite number"
        left = "(" if self.low_is_out or self.low is None else "["
        right = ")" if self.high_is_out or self.high is None else "]"
        low = "−∞" if self.low is None else f"{self.low:g}"
        high = "∞" if self.high is None else f"{self.high:g}"
        return f"must be in {left}{low}, {high}{right}"

    def _is_inside(self, value: float) -> bool:
        if self.low is not None and (value < self.low or (self.low_is_out and value == self.low)):
            return False
        return self.high is None or (
            value < self.high or (not self.high_is_out and value == self.high)
        )


class NumberDescription(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call] # registers
    """Describes a Number with its bounds."""

    target_class = "pipeline.web.api.fields.Number"

    def map_serializer_field(
        self,
        auto_schema: AutoSchema,  # noqa: ARG002 the framework's form
        direction: str,  # noqa: ARG002 as above
    ) -> dict[str, Any]:
        """Return the schema of the field."""
        found: dict[str, Any] = {"type": "number", "format": "double"}
        for side, bound, is_out in (
            ("Minimum", self.target.low, self.target.low_is_out),
            ("Maximum", self.target.high, self.target.high_is_out),
        ):
            if bound is not None:
                found[side.lower()] = bound
            if bound is not None and is_out:
                found[f"exclusive{side}"] = True
        return found


class Whole(serializers.IntegerField):
    """A whole number between bounds, both inclusive."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        self.rule = f"must be a whole number in [{low}, {high}]"
        messages: dict[str, Any] = dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length", "overflow"), self.rule
        )
        super().__init__(min_value=low, max_value=high, error_messages=messages, **options)

    def to_internal_value(self, data: Any) -> int:
        """Return the number; true and 1.5 are none."""
        if isinstance(data, bool) or (isinstance(data, float) and not data.is_integer()):
            raise serializers.ValidationError(self.rule)
        return int(super().to_internal_value(data))


class Candid(Whole):
    """An alert's id; beyond what a double holds. Those of test alerts are negative."""

    def __init__(self, *, of_tests_too: bool = False, **options: Any) -> None:
        super().__init__(-INT64_MAX if of_tests_too else 1, INT64_MAX, **options)


class Base64(Text):
    """Bytes in base64."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the bytes."""
        text = super().to_internal_value(data)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError("must be base64") from None


class Places(serializers.DictField):
    """Positions by name: ``{"name": [ra, dec]}`` in degrees, ICRS."""

    child = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def to_internal_value(self, data: Any) -> Any:
        """Return right ascension and declination by name."""
        if not isinstance(data, dict):
            raise serializers.ValidationError('must be an object like {"name": [ra, dec]}')
        if not 1 <= len(data) <= self.most:
            raise serializers.ValidationError(f"must have 1 to {self.most} positions")
        return {str(name): self._place(str(name), place) for name, place in data.items()}

    def _place(self, name: str, place: Any) -> tuple[float, float]:
        is_pair = isinstance(place, list | tuple) and len(place) == 2  # noqa: PLR2004 ra and dec
        if not is_pair or not all(_is_number(value) for value in place):
            raise serializers.ValidationError({name: ["must be [ra, dec]"]})
        ra_deg, dec_deg = map(float, place)
        if not 0 <= ra_deg < FULL_CIRCLE_DEG:
            raise serializers.ValidationError({name: [f"ra {RIGHT_ASCENSION}"]})
        if not -POLE_DEG <= dec_deg <= POLE_DEG:
            raise serializers.ValidationError({name: [f"dec {DECLINATION}"]})
        return ra_deg, dec_deg


RIGHT_ASCENSION = "must be in [0, 360)"
DECLINATION = "must be in [-90, 90]"


def right_ascension(**options: Any) -> Number:
    """Return the field of a right ascension [deg, ICRS]."""
    return Number(0, 360, high_is_out=True, help_text="right ascension, ICRS [deg]", **options)


def declination(**options: Any) -> Number:
    """Return the field of a declination [deg, ICRS]."""
    return Number(-90, 90, help_text="declination, ICRS [deg]", **options)


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    # No isfinite: it fails for whole numbers that no float holds.
    return is_one and -sys.float_info.max <= value <= sys.float_info.max
