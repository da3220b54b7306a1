"""Trials on stored nights: what they match, how they end, who takes them up."""

import struct

import numpy as np
import pytest
from sqlalchemy import text

from broker.config import config
from pipeline.alerts.schemas import record_schema
from pipeline.surveys import survey as survey_named
from pipeline.user_filters import night as nights
from pipeline.user_filters import trial
from pipeline.user_filters.tables import FilterTrial
from pipeline.user_filters.tree import ExpressionError
from tests import factories

pytestmark = pytest.mark.integration
NIGHT = survey_named("ztf").night_of_jd(factories.JD_UTC)
BEGIN = survey_named("ztf").begin_jd(NIGHT)
OWNER = "8a0ff3d0-0000-4000-8000-000000000001"


def f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


@pytest.fixture
def stored(session, make_alert):
    """Return the magnitudes of a night's public alerts by candid; others lie beside them."""
    schema = record_schema("ztf", "candidate")
    owner = factories.make_object(session)
    rng = np.random.default_rng(3)
    public = {}

    def store(offset, mag, **given):
        candidate = factories.encode_any(schema, magpsf=mag)
        values = {"candidate": candidate, "object_id": owner.id}
        return make_alert(offset, **values | given)

    for offset in range(60):
        mag = f32(rng.uniform(15, 21))
        jd = BEGIN + rng.uniform(0, 0.999)
        public[store(offset, mag, jd_utc=jd).candid] = mag
    store(100, 15.0, jd_utc=BEGIN + 0.5, outputs=0, gate_reason="drb")
    store(101, 15.0, jd_utc=BEGIN - 0.001)
    store(102, 15.0, jd_utc=BEGIN + 1)
    return public


def begun(session, expression="magpsf < 18", other=None, **given):
    return trial.begin(session, OWNER, "ztf", NIGHT, expression, other, **given)


def done(session, row):
    trial.run(row.id)
    session.expire_all()
    return session.get(FilterTrial, row.id)


def test_two_expressions_side_by_side_match_what_python_says(session, stored):
    row = done(session, begun(session, "magpsf < 18", "magpsf between 17 and 20"))

    one = {candid for candid, mag in stored.items() if mag < 18}
    other = {candid for candid, mag in stored.items() if 17 <= mag <= 20}
    assert (row.state, row.error) == ("done", None)
    assert (row.total, row.night_total, row.done) == (60, 60, 61)
    assert (row.matched, row.other_matched) == (len(one), len(other))
    assert row.both_matched == len(one & other) > 0
    candids, sides = trial.matches(row)
    assert dict(zip(candids.tolist(), sides.tolist(), strict=True)) == {
        candid: (candid in one) + 2 * (candid in other) for candid in one | other
    }


def test_what_lies_in_no_record_is_read_too(session, stored):
    row = done(session, begun(session, "class = 'hosted' and objectId = 'ZTF24aaaaaaa'"))

    assert row.matched == 60


def test_an_empty_night_is_done_at_once(session):
    row = done(session, begun(session))

    assert (row.state, row.total, row.matched, len(trial.matches(row)[0])) == ("done", 0, 0, 0)


def test_of_a_large_night_a_sample_is_read_and_said_so(session, stored, monkeypatch):
    monkeypatch.setattr(nights, "CHUNK_ALERTS", 7)
    whole = nights.plan
    monkeypatch.setattr(nights, "plan", lambda survey, night, _: whole(survey, night, 30))

    row = done(session, begun(session, "magpsf > 0"))

    assert row.matched == row.total
    assert 5 < row.total < 55
    assert row.night_total == pytest.approx(2 * row.total, rel=0.1)


def test_chunks_join_without_a_hole(session, stored, monkeypatch):
    monkeypatch.setattr(nights, "CHUNK_ALERTS", 7)

    assert done(session, begun(session, "magpsf > 0")).matched == 60


def test_a_mistake_is_refused_before_anything_is_written(session):
    with pytest.raises(ExpressionError):
        begun(session, "magpfs < 1")
    with pytest.raises(ExpressionError):
        begun(session, "magpsf < 1", "magpfs < 1")
    assert trial.recent(session, OWNER, 9) == []


def test_an_account_may_begin_so_many_in_an_hour(session, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_USER_FILTERS__TRIALS_PER_HOUR", "2")
    config.cache_clear()
    begun(session)
    begun(session)

    with pytest.raises(trial.TrialRefusedError, match="2 trials in an hour"):
        begun(session)
    assert trial.begin(session, "another", "ztf", NIGHT, "rock").id


def test_a_trial_is_its_owners(session):
    row = begun(session)

    assert trial.find(session, OWNER, row.key) is row
    assert trial.find(session, "another", row.key) is None


def test_one_that_fails_says_so(session, stored, monkeypatch):
    def plan(*_):
        raise RuntimeError("no disk")

    monkeypatch.setattr(nights, "plan", plan)

    row = done(session, begun(session))

    assert row.state == "failed"
    assert "no disk" in row.error


def test_nobody_takes_what_another_has_until_its_lease_is_over(session, stored):
    row = begun(session)
    session.execute(text("UPDATE filter_trials SET state = 'running', attempts = 1,"
                         " lease_until = clock_timestamp() + interval '1 minute'"))  # fmt: skip
    assert trial.due(9) == []
    assert done(session, row).state == "running"

    session.execute(text("UPDATE filter_trials SET lease_until = now() - interval '1 minute'"))
    assert trial.due(9) == [row.id]
    assert done(session, row).state == "done"


def test_after_three_deaths_it_is_given_up(session):
    row = begun(session)
    session.execute(text("UPDATE filter_trials SET state = 'running', attempts = 3,"
                         " lease_until = now() - interval '1 minute'"))  # fmt: skip

    assert trial.due(9) == []
    session.expire_all()
    assert session.get(FilterTrial, row.id).state == "failed"


def test_each_accounts_first_comes_before_anybodys_second(session):
    first = [begun(session).id for _ in range(3)]
    other = trial.begin(session, "another", "ztf", NIGHT, "rock").id

    assert trial.due(9) == [first[0], other, first[1], first[2]]


def test_the_newest_nights_are_offered(session, make_alert):
    for offset, days in enumerate((0, 0, 1, 5)):
        make_alert(offset, jd_utc=BEGIN + 0.5 + days)

    found = nights.newest(session, "ztf", 2)

    assert [(each - NIGHT).days for each in found] == [5, 1]
    assert nights.newest(session, "lsst", 2) == []
