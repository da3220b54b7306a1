"""What live filters say of a batch, and what happens when one fails."""

import numpy as np
import pytest

from pipeline.alerts.schemas import record_schema
from pipeline.user_filters import live
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.live import LiveFilter, Meter, judge
from pipeline.user_filters.stored import Rows, StoredBytesError
from tests import factories


def make(filter_id, expression):
    tree = checked(expression, "ztf")
    return LiveFilter(filter_id, f"filter-{filter_id}", "ztf", 1, tree, reads(tree))


def rows(size=4):
    candidate = factories.encode_any(record_schema("ztf", "candidate"))
    properties = factories.encode_any(record_schema("ztf", "properties"))
    return Rows(
        "ztf",
        candid=np.arange(size),
        object_id=["ZTF24aaa"] * size,
        alert_class=["hosted", "hostless"] * (size // 2),
        has_match=np.zeros(size, bool),
        score=np.full(size, 0.9),
        candidate=[candidate] * size,
        properties=[properties] * size,
    )


def test_each_filter_catches_its_own_and_is_charged_for_its_time():
    meter = Meter()

    caught = judge([make(1, "class = 'hosted'"), make(2, "candid = 3"), make(3, "candid > 9")],
                   rows(), meter)  # fmt: skip

    assert [(one.id, found.tolist()) for one, found in caught.masks] == [
        (1, [True, False, True, False]),
        (2, [False, False, False, True]),
    ]
    assert caught.any.tolist() == [True, False, True, True]
    assert meter.evaluated == {1: 4, 2: 4, 3: 4}
    assert meter.matched == {1: 2, 2: 1, 3: 0}
    assert all(meter.spent_s[i] > 0 for i in (1, 2, 3))


def test_one_that_fails_is_named_and_spares_the_others(monkeypatch):
    whole = live.mask

    def mask(tree, columns):
        if "candid" in columns.columns and tree is broken.tree:
            raise RuntimeError("a shape that nobody expected")
        return whole(tree, columns)

    monkeypatch.setattr(live, "mask", mask)
    broken = make(2, "candid >= 0")

    caught = judge([broken, make(5, "candid = 0")], rows(), Meter())

    assert [one.id for one, _ in caught.masks] == [5]
    assert "a shape that nobody expected" in caught.failed[2]


def test_rows_that_cannot_be_read_are_no_filters_fault(monkeypatch):
    def table(*_):
        raise StoredBytesError("candidate of 1 alerts")

    monkeypatch.setattr(live, "table", table)

    caught = judge([make(1, "candid = 0")], rows(), Meter())

    assert (caught.masks, caught.failed, caught.any.any()) == ([], {}, False)


@pytest.mark.parametrize("size", [2, 200])
def test_a_hundred_filters_read_their_columns_once(monkeypatch, size):
    reads_of_columns = []
    whole = live.table
    monkeypatch.setattr(
        live, "table", lambda *given: reads_of_columns.append(given[1]) or whole(*given)
    )

    judge([make(i, f"magpsf < {i} and rock") for i in range(100)], rows(size), Meter())

    assert reads_of_columns == [{"magpsf", "rock"}]
