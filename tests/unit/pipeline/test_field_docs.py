"""Every field of the public messages is explained."""

import pytest

from pipeline.alerts.field_docs import records
from pipeline.alerts.schemas import OUTPUT_SCHEMAS, record_schema


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_no_field_is_left_without_a_meaning(survey):
    bare = [
        f"{record.name}.{field.name}"
        for record in records(survey)
        for field in record.fields
        if not field.meaning
    ]

    assert bare == []


@pytest.mark.parametrize(("survey", "size"), [("ztf", 84), ("lsst", 87)])
def test_the_candidate_has_all_its_fields_in_their_order(survey, size):
    candidate = next(r for r in records(survey) if r.stands_in == ("candidate",))

    names = [field["name"] for field in record_schema(survey, "candidate")["fields"]]
    assert [field.name for field in candidate.fields] == names
    assert len(names) == size


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_the_message_comes_first(survey):
    first = records(survey)[0]

    assert [f.name for f in first.fields] == [f["name"] for f in OUTPUT_SCHEMAS[survey]["fields"]]


def test_types_are_told_in_words():
    fields = {f.name: f for r in records("lsst") for f in r.fields}

    assert (fields["diaObjectId"].type, fields["diaObjectId"].is_nullable) == ("long", True)
    assert fields["prv_candidates"].type == "list of AlertPhotometry"
    assert fields["jd"].is_nullable is False
