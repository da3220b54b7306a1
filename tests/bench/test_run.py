"""What a run leaves out, when it fails, and that the flow and the baseline have the same packets."""

import json
import sys
from types import SimpleNamespace

import pytest

from tests.bench import __main__, baseline, flow, report, run
from tests.bench.profiles import PROFILES, Load, not_measured

LOAD = Load(warm=10, timed=100, idle=5, open_loop=20, singles=10, naive=50)


def test_a_run_that_balances_and_notices_every_fault_does_not_fail():
    assert (
        report.failures({"problems": [], "spoilt": {"one dead letter": ["1 dead letters"]}}) == []
    )
    assert report.failures({"problems": []}) == []


def test_a_run_that_does_not_balance_fails():
    assert report.failures({"problems": ["1 dead letters"]}) == ["1 dead letters"]


def test_a_run_that_notices_nothing_fails():
    found = {"problems": [], "spoilt": {"one dead letter": ["1"], "one dropped packet": []}}

    assert report.failures(found) == ["the books do not notice one dropped packet"]


@pytest.mark.parametrize(("said", "code"), [(["1 dead letters"], 0), ([], 1)])
def test_the_command_ends_as_its_books_say(said, code, monkeypatch, tmp_path):
    found = {"problems": [], "spoilt": {"one dead letter": said}}
    figures = tmp_path / "figures.json"
    for name in ("NIGHTJAR_HOME", "NIGHTJAR_TOML"):
        monkeypatch.setenv(name, "")  # the command sets them: let them be as before afterwards
    monkeypatch.setattr(sys, "argv", ["bench", "smoke", "--json", str(figures)])
    monkeypatch.setattr(run, "measured", lambda *_: found)
    monkeypatch.setattr(report, "text", lambda _: "")

    assert __main__.main() == code
    assert json.loads(figures.read_text()) == found


def test_the_default_form_names_what_it_does_not_measure():
    left = "; ".join(not_measured(PROFILES["default"], ["ztf", "lsst"]))

    for part in ("139 kB", "gravitational-wave", "catalog rows", "history", "clustered"):
        assert part in left
    assert "run" not in left


def test_a_survey_that_is_left_out_is_named_and_what_the_curves_measure_is_not():
    left = not_measured(PROFILES["full"], ["ztf"])

    assert "the LSST run" in left
    assert not any("139 kB" in part or "curves" in part for part in left)


def test_each_survey_sends_at_least_300_alerts_alone():
    for name in ("default", "full"):
        assert PROFILES[name].ztf.idle >= 300
        assert PROFILES[name].lsst.idle >= 300


def test_the_flow_and_the_baseline_are_timed_over_the_same_packets(monkeypatch):
    spans = {"flow": [], "naive": []}

    def segment(_system, _spool, first, last, _log):
        spans["flow"].append(range(first, last))
        return SimpleNamespace(alerts=last - first)

    def naive(_system, _spool, first, last, warm):
        spans["naive"].append(range(first + warm, last))
        return SimpleNamespace(alerts=last - first - warm, rate_hz=1.0)

    monkeypatch.setattr(flow, "segment", segment)
    monkeypatch.setattr(flow, "SETTLE_S", 0)
    monkeypatch.setattr(baseline, "run", naive)
    monkeypatch.setattr(baseline, "drop_database", lambda: None)
    one = run.SurveyRun(SimpleNamespace(survey="ztf"), LOAD)
    system = SimpleNamespace(stop_processes=lambda: None)
    under_way = SimpleNamespace(system=system, surveys={"ztf": one}, log=None)

    run._send_naives(under_way)
    run._naive(under_way)

    assert spans["naive"] == [range(LOAD.total - 45, LOAD.total)]
    assert spans["flow"] == [range(LOAD.flow, LOAD.total - 45), *spans["naive"]]
    assert one.beside_naive.alerts == one.naive.alerts == 45
    assert list(one.also_sent) == list(range(LOAD.flow, LOAD.total))
