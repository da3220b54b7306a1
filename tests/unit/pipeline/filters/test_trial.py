"""Trying a filter file: what it says of packets, and every way in which it may fail."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from pipeline.filters import locus, trial
from pipeline.management.commands import test_filter as command
from tests import samples
from tests.unit.pipeline.surveys.lsst_packets import alert, row

FUNCTION = "def bright_filter(locus):\n    return locus.alert.properties['ant_mag'] < 24\n"
CLASS = """
from types import SimpleNamespace
class Bright:
    def run(self, locus):
        self._run(locus)
        return SimpleNamespace(status="Succeeded", exception_name=None)
    def _run(self, locus):
        locus.tag("bright")
"""


@pytest.fixture
def write(tmp_path):
    def written(code):
        (tmp_path / "tried.py").write_text(code)
        return tmp_path / "tried.py"

    return written


def loci(*fluxes):
    return [locus.of_lsst(alert({"psfFlux": flux})) for flux in fluxes]


def test_a_function_that_raises_is_counted_and_the_next_alert_follows(write):
    tried = trial.try_on(write(FUNCTION), loci(-1.0, 1e4, 1.0))

    assert tried.statuses == {"Errored": 1, "Succeeded": 2}
    assert tried.tags == {"bright_filter": 1}
    assert tried.errors == [f"lsst:{2**60 + 1}: KeyError('ant_mag')"]


def test_a_class_of_the_devkits_form_is_run_as_it_is(write):
    tried = trial.try_on(write(CLASS), loci(1.0))

    assert (tried.name, tried.tags) == ("Bright", {"bright": 1})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "holds neither"),
        ("import nowhere_at_all", "needs nowhere_at_all"),
        ("from antares_devkit.nowhere import BaseFilter", "needs the DevKit"),
        ("def f(:", "cannot be loaded: SyntaxError"),
        (CLASS + CLASS.replace("Bright", "Dark"), "one at a time"),
    ],
)
def test_a_file_without_a_filter_is_refused_with_the_reason(write, code, message):
    with pytest.raises(trial.TrialError, match=message):
        trial.load(write(code))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"gone\.py is no Python file"):
        call_command("test_filter", tmp_path / "gone.py", packets=tmp_path)


def test_a_folder_without_packets_is_named(write, tmp_path):
    with pytest.raises(CommandError, match="holds no ZTF or Rubin packet"):
        call_command("test_filter", write(FUNCTION), packets=tmp_path)


def test_a_date_that_is_none_is_told_in_words(write):
    with pytest.raises(CommandError, match="'yesterday' is no date of the form YYYY-MM-DD"):
        call_command("test_filter", str(write(FUNCTION)), "--night", "yesterday")


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([], "nothing was tried: no LSST packet of the night 2026-11-21 is known"),
        ([None, b"no packet"], "nothing was tried: none of 2 packets could be read"),
    ],
)
def test_a_night_without_a_packet_to_try_is_no_success(write, monkeypatch, packets, said):
    monkeypatch.setattr(command, "_of_night", lambda *_: iter(packets))

    with pytest.raises(CommandError, match=said):
        call_command("test_filter", write(FUNCTION), night=date(2026, 11, 21))


@pytest.mark.samples
def test_a_folder_with_packets_of_another_survey_alone_is_no_success(write):
    with pytest.raises(CommandError, match=r"no packet below .*ztf is one of LSST"):
        call_command("test_filter", write(FUNCTION), packets=samples.folder() / "ztf")


@pytest.mark.samples
def test_the_command_tells_what_a_filter_found_in_a_folder(write):
    found, code = StringIO(), "def solar_filter(locus):\n    return has(locus)\n"
    code += "def has(locus):\n"
    code += "    return bool(locus.alert.properties.get('lsst_diaSource_ssObjectId'))\n"

    call_command("test_filter", write(code), packets=samples.folder() / "lsst", stdout=found)

    said = found.getvalue().splitlines()
    assert said[0] == "solar_filter: 55 Succeeded"
    assert "10 tagged solar_filter" in said


def test_a_locus_has_what_filters_of_antares_look_at():
    history = [row(midpointMjdTai=mjd, diaSourceId=n) for n, mjd in ((3, 61000.5), (2, 61000.0))]
    record = alert({"psfFlux": 3630.78, "ssObjectId": 0}, prvDiaSources=history)

    found = locus.of_lsst(record | {"diaObject": {"diaObjectId": 2**60 + 3, "nDiaSources": 3}})

    assert [one.id for one in found.alerts] == ["lsst:2", "lsst:3", f"lsst:{2**60 + 1}"]
    assert found.alert.properties["ant_mag"] == pytest.approx(22.5, abs=1e-5)
    assert found.alert.properties["ant_survey"] == 4
    assert found.alert.properties["lsst_diaSource_ssObjectId"] == 0
    assert found.alert.properties["lsst_diaObject_nDiaSources"] == 3
    assert "lsst_diaSource_extendedness" not in found.alert.properties
    assert (found.id, found.locus_id) == (str(2**60 + 3),) * 2
    assert found.properties["num_alerts"] == 3
    ids = {"dia_object_id": [str(2**60 + 3)], "ss_object_id": []}
    assert found.properties["survey"] == {"lsst": ids}
    assert (found.catalogs, found.grav_wave_events) == ([], [])
    assert found.location.dec.deg == -28.0


@pytest.mark.parametrize("flux", [0.0, -5.0, None])
def test_what_has_no_flux_has_no_magnitude(flux):
    properties = locus.of_lsst(alert({"psfFlux": flux})).alert.properties

    assert {name for name in properties if name.startswith("ant_mag")} == {"ant_maglim"}


@pytest.mark.parametrize("wrong", [None, [1]])
def test_a_locus_refuses_what_the_devkit_refuses(wrong):
    (found,) = loci(1.0)

    with pytest.raises(ValueError, match="integer, string or float"):
        found.set_property("x", wrong)
    with pytest.raises(ValueError, match="must be strings"):
        found.tag(wrong)
