"""What doctor says of registries, ALeRCE and the folder of files, and of the demo's stand-ins."""

import json

import pytest

from broker.config import build
from compose.native import doctor, outside_selected, standins
from compose.native.beforehand import Need
from tests.lasair import TOPIC

pytestmark = pytest.mark.integration
NOBODY = "http://127.0.0.1:1"
TOPICS = json.dumps([{"name": TOPIC.name, "survey": "ztf"}])


def source(url):
    named = {"name": "elsewhere", "topic": "t", "bootstrap_servers": "x:1", "registry_url": url}
    return build({"NIGHTJAR_SELECTED__SOURCES": json.dumps([named])})


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    need = outside_selected.output(build({"NIGHTJAR_OUTPUT__ROOT": str(tmp_path / "file" / "x")}))

    assert not need.is_met
    assert f"{tmp_path / 'file'} may not be written" in need.text


def test_a_folder_that_is_not_there_yet_is_well(tmp_path):
    need = outside_selected.output(build({"NIGHTJAR_OUTPUT__ROOT": str(tmp_path / "new" / "x")}))

    assert (need.is_met, list(tmp_path.iterdir())) == (True, [])
    assert "GiB free" in need.text


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(outside_selected, "ROOM_BYTES", 2**62)
    need = outside_selected.output(build({"NIGHTJAR_OUTPUT__ROOT": str(tmp_path)}))

    assert not need.is_met
    assert "retention --dry-run" in need.text


def test_without_a_registry_of_others_none_is_asked():
    assert outside_selected.registries(build({})).text == "none of others is asked"


def test_a_registry_that_is_away_is_said():
    need = outside_selected.registries(source(NOBODY))

    assert not need.is_met
    assert "127.0.0.1:1" in need.text


def test_alerce_is_asked_only_where_images_are_wanted():
    need = outside_selected.alerce(build({"NIGHTJAR_ALERCE__ZTF_URL": NOBODY}))

    assert need.is_met
    assert "not asked" in need.text


def test_alerce_that_is_away_is_said():
    given = {"NIGHTJAR_ALERCE__ZTF_URL": NOBODY, "NIGHTJAR_LASAIR__TOPICS": TOPICS}
    need = outside_selected.alerce(build(given))

    assert not need.is_met
    assert need.text.startswith("ztf: ")


@pytest.mark.parametrize("runs", [True, False])
def test_a_stand_in_of_the_demo_is_told_where_it_runs(monkeypatch, runs):
    monkeypatch.setattr(doctor, "running", lambda _home, name: runs and name == standins.S3)
    need = Need("s3", is_met=True, text="s3.bucket is not set: x")

    said = doctor.with_stand_in(None, build({}), need).text

    assert said.startswith("the demo's stand-in runs") == runs
    assert said.endswith(need.text)
