"""Filters and alerts as rows."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from broker.db import cursor
from tests import factories, filter_rows


@pytest.fixture
def sql(session: Session) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a function that runs a statement in the test's transaction."""

    def run(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with cursor(session) as cur:
            cur.execute(statement, parameters)
            return cur.fetchall() if cur.description else []

    return run


@pytest.fixture
def make_filter(sql: Callable[..., list[tuple[Any, ...]]]) -> Callable[..., int]:
    """Return a function that makes a live filter and returns its id."""

    def make(name: str = "bright", expression: str = "magpsf < 19", survey: str = "ztf") -> int:
        return filter_rows.make_live(sql, survey, {name: expression})[name]

    return make


@pytest.fixture
def make_alert(session: Session) -> Callable[..., Any]:
    """Return a function that makes an alert."""
    source, segment = factories.make_source(session), factories.make_segment(session)

    def make(offset: int = 10, **given: Any) -> Any:
        values = {"candid": 2**60 + offset, "source_offset": offset}
        return factories.make_alert(session, source, segment, **values | given)

    return make
