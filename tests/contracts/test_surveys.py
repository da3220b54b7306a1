"""Every survey of the registry is complete, and what we write ourselves is allowed in."""

import json

import pytest

from broker.avro_schema import load_definition, writer_schema
from pipeline.surveys import SURVEYS, survey
from pipeline.surveys.allowed import AllowList
from pipeline.surveys.columns import SCHEMAS, fields_by_type

every_survey = pytest.mark.parametrize("one", SURVEYS, ids=lambda one: one.name)


@every_survey
def test_a_survey_is_found_by_its_name(one):
    assert survey(one.name) is one


def test_an_unknown_survey_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="known: ztf, lsst"):
        survey("winter")


@every_survey
def test_every_candidate_field_of_the_output_gets_a_column(one):
    batch, rejected = one.decode([])
    names = [name for group in fields_by_type(one.output_schema).values() for name in group]

    assert rejected == []
    assert batch.survey == one.name
    assert sorted(batch.candidate) == sorted(names)


@every_survey
def test_non_detections_are_in_the_output_of_surveys_that_have_them(one):
    schema = json.loads((SCHEMAS / one.output_schema).read_text())

    has_limits = any(field["name"] == "prv_nondetections" for field in schema["fields"])
    assert has_limits == one.has_limits


def test_the_simulator_writes_with_an_allowed_schema():
    simulated = writer_schema(load_definition(SCHEMAS / "ztf_simulated.avsc"))

    assert simulated.fingerprint in AllowList()


@pytest.mark.parametrize("fingerprint", list(AllowList().notes()))
def test_allowed_fingerprints_are_sha_256_with_a_note(fingerprint):
    assert len(bytes.fromhex(fingerprint)) == 32
    assert AllowList().notes()[fingerprint]
