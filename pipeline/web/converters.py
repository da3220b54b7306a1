"""Parts of addresses; importing this module makes them known."""

from django.urls import register_converter

from pipeline.surveys import NAMES
from pipeline.web.search_form import INT64_MAX


class SurveyConverter:
    """A survey's name in any case; another is no address."""

    regex = "|".join("".join(f"[{one.upper()}{one}]" for one in name) for name in NAMES)

    def to_python(self, value: str) -> str:
        """Return the name as we write it."""
        return value.lower()

    def to_url(self, value: str) -> str:
        """Return the name as it stands in addresses."""
        return value


class CandidConverter:
    """An alert's number; one that no bigint holds is no address."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        number = int(value)
        if number > INT64_MAX:
            raise ValueError(f"{value}: no alert has this number")
        return number

    def to_url(self, value: int) -> str:
        """Return the number as it stands in addresses."""
        return str(value)


class TableConverter:
    """The end of a table's file name."""

    regex = "csv|parquet"

    def to_python(self, value: str) -> str:
        """Return the form."""
        return value

    def to_url(self, value: str) -> str:
        """Return the form as it stands in addresses."""
        return value


register_converter(SurveyConverter, "survey")
register_converter(CandidConverter, "candid")
register_converter(TableConverter, "table")
