"""Our own look at what another broker calls selected: the rule of one of our filters, over rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.config import config
from broker.registry import by_name
from pipeline.filters import filter_named


def selected(source: str, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return which rows of a source are written: all, but for what its look refuses."""
    settings = config()
    if source in settings.own_sources or not settings.collect.recheck:
        return [True] * len(rows)
    rule = filter_named(by_name("source", source, settings.selected.sources).filter)
    return [reason is None for reason in rule.judge_rows(rows, settings.selected)]
