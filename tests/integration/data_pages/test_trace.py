"""The decision trace says what is stored, with the values that the rules compared."""

import pytest

from broker.config import config
from pipeline.alerts import trace
from pipeline.catalogs.known import LSPSC
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from tests.integration.api.world import load_rows, store_packets

pytestmark = pytest.mark.integration
HOME = "/objects/ztf/ZTF26aaaaaaa"


def answers(questions):
    return [one.answer for one in questions]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (21.049476623535156, 21.049477),  # single precision: nine digits decide it
        (0.1, 0.1),  # a double, which no single is
        (float("inf"), float("inf")),
        (3, 3),
        (None, None),
    ],
)
def test_a_number_is_shown_with_the_digits_that_it_has(stored, shown):
    assert trace._compared("value", {"value": stored}) == (("value", shown),)


@pytest.fixture
def explained(store, session):
    """Return a function that stores one alert and returns its trace."""

    def explain(survey, candid, packet):
        store(survey, packet)
        return trace.of_alert(session, survey, candid, config())

    return explain


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sgscore1": 0.9, "distpsnr1": 1.0}, ["yes", "not asked"]),
        ({"sgscore1": 0.1, "distpsnr1": 1.0}, ["no", "yes"]),
        ({"sgscore1": -999.0, "sgscore2": -999.0, "sgscore3": -999.0}, ["no", "no"]),
    ],
    ids=["stellar", "hosted", "hostless"],
)
def test_the_steps_of_a_ztf_alert(explained, fields, expected):
    found = explained("ztf", 5, make_ztf_packet(candid=5, **fields))

    assert answers(found.steps) == expected
    compared = dict(found.steps[0].values)
    score = fields["sgscore1"] if fields["sgscore1"] >= 0 else None
    assert compared["sgscore1"] == pytest.approx(score, abs=1e-6)
    assert {"distpsnr1", "srmag1", "szmag1", "simag1"} <= set(compared)
    assert set(answers(found.gates)) == {trace.PASSED}
    assert found.is_in_force
    assert found.match.answer == "no"


def test_a_gate_that_stopped_it_shows_what_it_compared(explained):
    found = explained("ztf", 5, make_ztf_packet(candid=5, drb=0.1))

    stopped = [one for one in found.gates if one.answer == trace.STOPPED]
    assert [dict(one.values)["drb"] for one in stopped] == [pytest.approx(0.1, abs=1e-6)]
    at = found.gates.index(stopped[0])
    assert set(answers(found.gates[:at])) <= {trace.PASSED}
    assert set(answers(found.gates[at + 1 :])) == {"not asked"}


def test_the_rows_of_lspsc_are_shown_with_an_lsst_alert(session, archive):
    row = {"id": 7, "ra": 150.0, "dec": 30.0 + 2 / 3600, "score": 0.25, "mag_white": 20.0}
    load_rows(session, LSPSC, [row])
    packet = make_lsst_packet(diaSourceId=7, ra=150.0, dec=30.0)
    store_packets(session, "lsst", [packet], archive)

    found = trace.of_alert(session, "lsst", 7, config())

    assert answers(found.steps) == ["no", "yes", "not asked"]
    [(name, score)] = [pair for pair in found.steps[1].values if pair[0].startswith("LSPSC")]
    assert (name, score) == ("LSPSC at 2.00″", 0.25)


def test_other_rules_than_those_in_force_are_told(explained, session):
    explained("ztf", 5, make_ztf_packet(candid=5))
    session.connection().exec_driver_sql("UPDATE alerts SET rule_version = 'boom'")

    assert not trace.of_alert(session, "ztf", 5, config()).is_in_force


@pytest.mark.parametrize("candid", [5, 6])
def test_a_private_or_unknown_alert_has_none(explained, candid):
    assert explained("ztf", candid, make_ztf_packet(candid=5, programid=2)) is None


def test_the_page_shows_the_trace_of_the_alert_that_is_chosen(store, anybody):
    store(
        "ztf",
        make_ztf_packet(candid=5, sgscore1=0.25, distpsnr1=1.0),
        make_ztf_packet(candid=6, drb=0.125, jd=2461255.75),
    )

    page = anybody.get(f"{HOME}?candid=6").content.decode()
    assert "Why alert 6 is there" in page
    assert "stopped it" in page
    assert "0.125" in page
    assert "Why alert 5 is there" in anybody.get(f"{HOME}?candid=5").content.decode()
