"""Stored bytes to columns: as fastavro wrote them, with and without the compiled loops."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.alerts.schemas import SURVEYS, record_schema
from pipeline.user_filters import stored
from pipeline.user_filters.columns import ALERT, columns
from pipeline.user_filters.stored import Rows, StoredBytesError, table
from tests import random_records
from tests.random_records import written

SIZE = 40
NJY_PER_WIRE = {"ztf": 1e-6, "lsst": 1.0}
"""The published ZTF stream writes fluxes of 1e-6 nJy."""


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def form(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(
            stored, "avro_table", SimpleNamespace(kernel=SimpleNamespace(works=lambda: False))
        )


def rows_of(survey, candidates, properties):
    size = len(candidates)
    return Rows(
        survey,
        candid=np.arange(size) + 2**60,
        object_id=[f"ZTF{i}" for i in range(size)],
        alert_class=["hosted"] * size,
        has_match=np.arange(size) % 2 == 0,
        score=np.where(np.arange(size) % 3 == 0, np.nan, 0.5),
        candidate=[written(record_schema(survey, "candidate"), one) for one in candidates],
        properties=[written(record_schema(survey, "properties"), one) for one in properties],
    )


def at(record, path):
    for name in path.split("."):
        record = None if record is None else record[name]
    is_null = isinstance(record, float) and not math.isfinite(record)
    return None if is_null else record


def values_of(found):
    valid = np.ones(len(found.values), bool) if found.valid is None else found.valid
    return [v if ok else None for v, ok in zip(found.values.tolist(), valid, strict=True)]


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_column_is_what_was_written(survey):
    rng = np.random.default_rng(7)
    made = {}
    for part in ("candidate", "properties"):
        schema = record_schema(survey, part)
        made[part] = [random_records.record(schema, rng) for _ in range(SIZE)]
    rows = rows_of(survey, made["candidate"], made["properties"])

    found = table(rows, columns(survey)).columns

    for name, one in columns(survey).items():
        if one.part == ALERT:
            continue
        expected = [at(record, name) for record in made[one.part]]
        if one.is_flux:
            factor = NJY_PER_WIRE[survey]
            expected = [None if x is None else pytest.approx(x * factor) for x in expected]
        assert values_of(found[name]) == expected, name
    assert values_of(found["candid"]) == [2**60 + i for i in range(SIZE)]
    assert values_of(found["survey_match"]) == [i % 2 == 0 for i in range(SIZE)]
    assert values_of(found["score"]) == [None if i % 3 == 0 else 0.5 for i in range(SIZE)]
    assert values_of(found["class"]) == ["hosted"] * SIZE


def test_no_rows_have_no_values():
    assert len(table(rows_of("ztf", [], []), ["magpsf", "class"]).columns["magpsf"].values) == 0


def test_an_unknown_column_is_named():
    with pytest.raises(KeyError, match="nothing"):
        table(rows_of("ztf", [], []), ["nothing"])


def test_bytes_that_are_no_record_are_said_so():
    rows = rows_of("ztf", [], [])
    broken = Rows(
        "ztf", np.array([1]), ["a"], ["hosted"], np.array([True]), np.array([1.0]), [b"\x01"],
        rows.properties,
    )  # fmt: skip

    with pytest.raises(StoredBytesError):
        table(broken, ["magpsf"])
