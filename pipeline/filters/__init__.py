"""Filters on the raw stream: one module each, and one line in ``FILTERS``.

A filter's module defines ``FILTER``, a :class:`pipeline.filters.record.Filter`; its settings are a
section of ``selected``.
"""

from broker.registry import by_name
from broker.sections.selected import SelectedSettings
from pipeline.filters import extendedness
from pipeline.filters.record import Filter

FILTERS = (extendedness.FILTER,)


def filter_named(name: str) -> Filter:
    """Return the filter called ``name``.

    Raises
    ------
    KeyError
        Naming the filters that exist.
    """
    return by_name("filter", name, FILTERS)


def running(settings: SelectedSettings) -> tuple[Filter, ...]:
    """Return the filters that the settings let run."""
    return tuple(each for each in FILTERS if each.is_on(settings))
