from collections import Counter
from datetime import UTC, date, datetime
from functools import cache

import pytest

from pipeline import simulate
from tests.unit.pipeline.simulate import readings
from tests.unit.pipeline.test_topics import CLASS_TOPICS


@cache
def truths(**wanted):
    return list(simulate.sky(**{"seed": 3, "ztf": 200, "lsst": 200, **wanted}).truths())


def test_the_same_seed_gives_the_same_bytes():
    once, again = (list(simulate.night(5, ztf=12, lsst=12, bad=0.1)) for _ in range(2))

    assert once == again


def test_another_seed_gives_other_alerts():
    one, other = (truths(seed=seed) for seed in (1, 2))

    for name in ("alert_id", "object_id"):
        first, second = ({getattr(row, name) for row in rows} for rows in (one, other))
        assert first & second <= {None}


def test_there_are_as_many_packets_as_asked_for():
    counts = Counter(packet.survey for packet in simulate.night(1, ztf=37, lsst=21, bad=0.1))

    assert counts == {"ztf": 37, "lsst": 21}


def test_one_survey_alone():
    assert {row.survey for row in truths(lsst=0)} == {"ztf"}
    assert {row.survey for row in truths(ztf=0)} == {"lsst"}


def test_nothing_is_nothing():
    assert truths(ztf=0, lsst=0) == []


def test_every_class_topic_gets_alerts():
    assert {row.expected_topic for row in truths()} - {None} == CLASS_TOPICS


@pytest.mark.parametrize(
    ("survey", "category", "share"),
    [
        ("ztf", "rock", 0.12),
        ("ztf", "low_drb", 0.08),
        ("ztf", "non_public", 0.06),
        ("ztf", "stellar", 0.32),
        ("lsst", "unknown", 0.12),
        ("lsst", "rock", 0.14),
        ("lsst", "hosted", 0.22),
    ],
)
def test_categories_have_their_shares(survey, category, share):
    rows = [row for row in truths(ztf=800, lsst=800, duplicates=0.0) if row.survey == survey]
    alone = [row for row in rows if "pair" not in row.category and row.category != "near_miss"]

    found = sum(row.category == category for row in alone) / len(alone)

    assert found == pytest.approx(share, abs=0.006)


def test_pairs_appear_as_in_the_scenario():
    rows = [row for row in truths(nights=7) if row.category == "pair" and not row.is_duplicate]
    first = rows[0].ra_deg, rows[0].dec_deg
    mine = [
        row
        for row in rows
        if abs(row.ra_deg - first[0]) < 0.001 and abs(row.dec_deg - first[1]) < 0.001
    ]
    begin = int(mine[0].jd_utc)

    assert [(row.survey, int(row.jd_utc) - begin + 1) for row in mine] == [
        ("lsst", 1),
        ("ztf", 3),
        ("lsst", 5),
        ("ztf", 7),
        ("lsst", 7),
    ]
    matches = [row.expected_topic.split(".")[2] for row in mine]
    assert matches == ["no-ztf-match", "lsst-match", "ztf-match", "lsst-match", "ztf-match"]
    assert mine[0].other_topic.split(".")[2] == "ztf-match"


@pytest.mark.parametrize("category", ["near_miss", "pair_non_public"])
def test_what_only_looks_like_a_pair_matches_nothing(category):
    rows = [row for row in truths() if row.category == category and not row.is_duplicate]
    topics = {row.expected_topic for row in rows} - {None}

    assert {row.survey for row in rows} == {"ztf", "lsst"}
    assert all(".no-" in topic for topic in topics)
    assert all(row.other_topic is None for row in rows)


def test_pairs_lie_as_far_apart_as_their_kind_says():
    rows = truths(nights=7)

    def separation(category):
        chosen = [row for row in rows if row.category == category and not row.is_duplicate]
        ztf = next(row for row in chosen if row.survey == "ztf")
        columns = {
            "ra": [row.ra_deg for row in chosen if row.survey == "lsst"],
            "dec": [row.dec_deg for row in chosen if row.survey == "lsst"],
        }
        return min(readings.separations_arcsec(ztf.ra_deg, ztf.dec_deg, columns))

    assert separation("pair_wide") == pytest.approx(1.9, abs=1e-6)
    assert separation("near_miss") == pytest.approx(2.1, abs=1e-6)
    assert separation("pair") < 0.5


def test_a_duplicate_has_the_bytes_of_an_earlier_packet():
    packets = readings.small_night()
    copies = [packet for packet in packets if packet.truth.is_duplicate]

    assert copies
    for copy in copies:
        original = next(p for p in packets if p.truth.alert_id == copy.truth.alert_id)
        assert original.truth.number < copy.truth.number
        assert (original.value, original.topic) == (copy.value, copy.topic)


def test_alert_ids_are_unique():
    ids = [
        (row.survey, row.alert_id)
        for row in truths(ztf=800, lsst=800, duplicates=0.0)
        if not (row.is_duplicate or row.is_bad)
    ]

    assert len(set(ids)) == len(ids)


def test_packets_come_in_order_of_time():
    good = [row.jd_utc for row in truths() if not (row.is_bad or row.is_duplicate)]

    assert good == sorted(good)


@pytest.mark.parametrize(("survey", "begin_h", "end_h"), [("ztf", 2, 13), ("lsst", 0, 10)])
def test_alerts_are_taken_at_night(survey, begin_h, end_h):
    night = date(2026, 8, 1)

    for row in truths(start=night):
        at = datetime.fromtimestamp((row.jd_utc - 2440587.5) * 86400, UTC)
        if row.survey == survey:
            assert at.date() == date(2026, 8, 2)
            assert begin_h <= at.hour < end_h


def test_hostless_alerts_are_partly_known_to_an_archive():
    rows = [
        row
        for row in truths(ztf=600, lsst=600)
        if row.expected_class == "hostless" and row.expected_topic and ".no-" in row.expected_topic
    ]

    assert 0.3 < sum(row.expected_none for row in rows) / len(rows) < 0.8


def test_the_copy_without_any_counterpart_is_confirmed_by_brute_force():
    sky = simulate.sky(3, ztf=60, lsst=60)
    catalogs = sky.catalogs(300)
    for row in sky.truths():
        if row.expected_topic and ".no-" in row.expected_topic and row.expected_class == "hostless":
            away = [
                readings.separations_arcsec(row.ra_deg, row.dec_deg, columns).min()
                for columns in catalogs.values()
            ]
            assert row.expected_none == (min(away) > 2.0)


def test_bad_packets_name_their_reason():
    reasons = Counter(row.bad_reason for row in truths(bad=0.1) if row.is_bad)

    assert reasons == {
        "truncated": 10,
        "bad_value": 10,
        "empty": 10,
        "many_records": 5,
        "unknown_schema": 5,
    }


def test_truth_is_the_same_with_and_without_packets():
    sky = readings.small_sky()

    assert [packet.truth for packet in readings.small_night()] == list(sky.truths())


def test_truth_numbers_the_packets():
    assert [row.number for row in truths()] == list(range(400))


def test_topics_are_known_beforehand():
    sky = readings.small_sky()

    assert sky.topics() == {packet.topic for packet in readings.small_night()}


@pytest.mark.parametrize("wrong", [{"nights": 0}, {"ztf": -1}, {"bad": 1.0}, {"duplicates": -0.5}])
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(ValueError, match="nights >= 1"):
        truths(**wrong)


def test_a_row_of_truth_survives_its_table(tmp_path):
    rows = truths(ztf=20, lsst=20, bad=0.1)

    simulate.truth.write_table(rows, tmp_path / "truth.jsonl")

    assert list(simulate.truth.read_table(tmp_path / "truth.jsonl")) == rows
