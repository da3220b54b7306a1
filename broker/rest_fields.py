"""Fields of REST questions that take no other type for their own."""

from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """A text; a number is none, though it could be written as one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class Flag(serializers.BooleanField):
    """``true`` or ``false``, in any case."""

    default_error_messages = {"invalid": "must be true or false"}  # noqa: RUF012 the framework's form

    def to_internal_value(self, data: Any) -> bool:
        """Return the flag; 1 and yes are none."""
        if isinstance(data, bool):
            return data
        if isinstance(data, str) and data.lower() in {"true", "false"}:
            return data.lower() == "true"
        raise serializers.ValidationError(self.error_messages["invalid"])
