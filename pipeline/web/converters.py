"""Parts of addresses; importing this module makes them known."""

from django.urls import register_converter


class SurveyConverter:
    """A survey's name in any case; another is no address."""

    regex = "[Zz][Tt][Ff]|[Ll][Ss][Ss][Tt]"

    def to_python(self, value: str) -> str:
        """Return the name as we write it."""
        return value.lower()

    def to_url(self, value: str) -> str:
        """Return the name as it stands in addresses."""
        return value


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
register_converter(TableConverter, "table")
