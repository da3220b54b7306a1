import io

import fastavro
import pytest

from pipeline.simulate import spoil
from tests.unit.pipeline.simulate import readings


def record(survey):
    return readings.alerts(survey)[0][1]


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_empty_is_empty(survey):
    assert spoil.spoiled(survey, "empty", record(survey)) == b""


def test_a_truncated_packet_ends_too_early():
    content = spoil.spoiled("ztf", "truncated", record("ztf"))

    with pytest.raises((EOFError, IndexError, ValueError)):
        list(fastavro.reader(io.BytesIO(content)))


def test_a_bad_value_is_a_position_that_is_not_a_number():
    ztf = readings.ztf_record(spoil.spoiled("ztf", "bad_value", record("ztf")))
    lsst = readings.lsst_record(spoil.spoiled("lsst", "bad_value", record("lsst")))

    assert str(ztf["candidate"]["ra"]) == str(lsst["diaSource"]["ra"]) == "nan"


def test_many_records_are_two():
    content = spoil.spoiled("ztf", "many_records", record("ztf"))

    assert len(list(fastavro.reader(io.BytesIO(content)))) == 2


def test_an_unknown_schema_has_an_id_that_nobody_gave():
    content = spoil.spoiled("lsst", "unknown_schema", record("lsst"))

    assert content[:5] == b"\0" + (987_654).to_bytes(4, "big")


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'mouldy'"):
        spoil.spoiled("ztf", "mouldy", record("ztf"))
