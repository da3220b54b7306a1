"""What goes to ANTARES: one file with the thresholds in force, and a sheet on it."""

import ast
import sys
from io import StringIO
from types import ModuleType

import pytest
from django.core.management import CommandError, call_command

from broker.sections.selected import ExtendednessSettings
from pipeline.filters import export, extendedness

RULE = ExtendednessSettings(median_min=0.25, max_threshold=0.75, require_sssource="any")


def assigned(code):
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


def test_the_file_has_the_settings_as_its_constants():
    values = assigned(export.module(RULE))

    assert {name: values[name] for name in export.SETTING_OF} == {
        "EXTENDEDNESS_MEDIAN_MIN": 0.25,
        "EXTENDEDNESS_MEDIAN_MAX": 1.0,
        "EXTENDEDNESS_MIN_THRESHOLD": 0.0,
        "EXTENDEDNESS_MAX_THRESHOLD": 0.75,
        "REQUIRE_SSSOURCE": None,
    }


def test_the_shipped_file_has_the_defaults_and_the_version_of_our_own_filter():
    code = export.SOURCE.read_text()

    assert export.module(ExtendednessSettings()) == code
    assert assigned(code)["filter_version"] == extendedness.FILTER.version


def test_the_file_needs_the_standard_library_and_the_devkit_alone():
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(export.module(RULE)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert imported - sys.stdlib_module_names == {"antares_devkit"}


def test_a_constant_that_is_not_there_is_missed(tmp_path, monkeypatch):
    (tmp_path / "other.py").write_text("REQUIRE_SSSOURCE = True\n")
    monkeypatch.setattr(export, "SOURCE", tmp_path / "other.py")

    with pytest.raises(ValueError, match="EXTENDEDNESS_MEDIAN_MIN 0 times"):
        export.module(RULE)


def test_the_module_offers_what_the_seeds_programs_look_for(monkeypatch):
    devkit, models = ModuleType("antares_devkit"), ModuleType("antares_devkit.models")
    models.BaseFilter = type("BaseFilter", (), {})
    monkeypatch.setitem(sys.modules, "antares_devkit", devkit)
    monkeypatch.setitem(sys.modules, "antares_devkit.models", models)
    names = {"__name__": "uploaded"}

    exec(compile(export.module(RULE), "uploaded.py", "exec"), names)

    assert names["filter_name"] == "extendedness_sssource_filter"
    assert names["run"] is names["extendedness_filter"]
    assert names["tags"] == ["lsst_extendedness"]
    assert names["ExtendednessSssourceFilter"].EXTENDEDNESS_MEDIAN_MIN == 0.25


def test_the_command_writes_file_and_sheet(tmp_path):
    call_command("export_filter", tmp_path / "new", stdout=StringIO())

    sheet = (tmp_path / "new" / "antares_extendedness_filter.txt").read_text()
    assert (tmp_path / "new" / export.SOURCE.name).read_text() == export.SOURCE.read_text()
    assert "ExtendednessSssourceFilter" in sheet
    assert "lsst_extendedness_median, lsst_extendedness_min, lsst_extendedness_max" in sheet
    assert "REQUIRE_SSSOURCE            True" in sheet


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match="file cannot be written"):
        call_command("export_filter", tmp_path / "file", stdout=StringIO())
